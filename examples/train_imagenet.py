"""`python -m tinynet train-imagenet` as a script: see --help, and tinynet/commands/train_imagenet.py"""
from tinynet.commands.train_imagenet import main

if __name__ == "__main__":
    main()
