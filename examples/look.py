"""`python -m tinynet look`, as a script: --help says what it does, tinynet/commands/look.py how."""
from tinynet.commands.look import main

if __name__ == "__main__":
    main()
