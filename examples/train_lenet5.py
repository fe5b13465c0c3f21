"""`python -m tinynet train-lenet5` as a script: see --help, and tinynet/commands/train_lenet5.py"""
from tinynet.commands.train_lenet5 import main

if __name__ == "__main__":
    main()
