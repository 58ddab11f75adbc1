"""Features: one language, and the samples that it makes of the messages of topics."""
