"""What a net has learned, as arrays. Functions called draw_... make pictures of it with matplotlib: each writes one
PNG, and shows nothing on a screen."""
