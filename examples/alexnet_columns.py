"""`python -m tinynet alexnet-columns` as a script: see --help, and tinynet/commands/alexnet_columns.py"""
from tinynet.commands.alexnet_columns import main

if __name__ == "__main__":
    main()
