"""One frozen type per stage, and what the compiler and the engine both need."""
