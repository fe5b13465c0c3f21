"""`python -m tinynet alexnet-columns`, as a script: --help says what it does, tinynet/commands/alexnet_columns.py how."""
from tinynet.commands.alexnet_columns import main

if __name__ == "__main__":
    main()
