"""`python -m tinynet find-lr`, as a script: --help says what it does, tinynet/commands/find_lr.py how."""
from tinynet.commands.find_lr import main

if __name__ == "__main__":
    main()
