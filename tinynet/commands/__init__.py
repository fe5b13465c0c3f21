"""What `python -m tinynet` can do, a file for each; the scripts in examples/ call the same."""
