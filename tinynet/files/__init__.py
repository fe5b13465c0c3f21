"""Files: how they are read and written safely; nets in them (`storage.py`), weights of PyTorch and Caffe."""
