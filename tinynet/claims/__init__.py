"""Claims of the papers as experiments, a file for each; `python -m tinynet claims` runs them and writes their page."""
