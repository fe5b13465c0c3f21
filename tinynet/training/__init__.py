"""Training: the loop (`train.py`), what it hooks onto, and a run in a folder that can be stopped and goes on."""
