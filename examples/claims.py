"""`python -m tinynet claims` as a script: see --help, and tinynet/commands/claims.py"""
from tinynet.commands.claims import main

if __name__ == "__main__":
    main()
