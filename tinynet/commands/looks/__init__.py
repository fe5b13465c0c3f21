"""What `python -m tinynet look` draws: a file for each family of pictures."""
