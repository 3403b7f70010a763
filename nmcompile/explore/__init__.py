"""Many builds of one model, each evaluated: a table, the Pareto fronts, the best under limits."""
