"""Arrow, Spark, Beam and others, in an environment of their own."""
