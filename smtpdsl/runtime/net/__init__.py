"""asyncio around the protocol: listeners, sessions and the connections of the relay."""
