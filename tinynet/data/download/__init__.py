"""Where data is looked for, and how it is fetched if it is not there."""
