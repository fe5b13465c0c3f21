"""`python -m tinynet train-cifar10` as a script: see --help, and tinynet/commands/train_cifar10.py"""
from tinynet.commands.train_cifar10 import main

if __name__ == "__main__":
    main()
