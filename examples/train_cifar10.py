"""`python -m tinynet train-cifar10`, as a script: --help says what it does, tinynet/commands/train_cifar10.py how."""
from tinynet.commands.train_cifar10 import main

if __name__ == "__main__":
    main()
