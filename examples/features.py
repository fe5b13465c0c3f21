"""`python -m tinynet features` as a script: see --help, and tinynet/commands/features.py"""
from tinynet.commands.features import main

if __name__ == "__main__":
    main()
