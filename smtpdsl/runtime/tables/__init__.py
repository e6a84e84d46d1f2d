"""Tables that live elsewhere: programs that answer for them, and what of a configuration asks them."""
