"""`python -m tinynet scale` as a script: see --help, and tinynet/commands/scale.py"""
from tinynet.commands.scale import main

if __name__ == "__main__":
    main()
