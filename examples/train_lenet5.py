"""`python -m tinynet train-lenet5`, as a script: --help says what it does, tinynet/commands/train_lenet5.py how."""
from tinynet.commands.train_lenet5 import main

if __name__ == "__main__":
    main()
