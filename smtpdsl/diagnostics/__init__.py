"""What the compiler says, as data, and how it is printed."""
