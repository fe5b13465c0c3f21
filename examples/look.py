"""`python -m tinynet look` as a script: see --help, and tinynet/commands/look.py"""
from tinynet.commands.look import main

if __name__ == "__main__":
    main()
