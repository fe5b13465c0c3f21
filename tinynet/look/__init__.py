"""Pictures, drawn with matplotlib. Every function writes one PNG and shows nothing on a screen."""
