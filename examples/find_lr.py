"""`python -m tinynet find-lr` as a script: see --help, and tinynet/commands/find_lr.py"""
from tinynet.commands.find_lr import main

if __name__ == "__main__":
    main()
