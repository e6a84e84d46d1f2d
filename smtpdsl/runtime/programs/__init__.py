"""Programs of other people that this server starts, talks to in lines, and starts again when they end."""
