"""`python -m tinynet train-imagenet`, as a script: --help says what it does, tinynet/commands/train_imagenet.py how."""
from tinynet.commands.train_imagenet import main

if __name__ == "__main__":
    main()
