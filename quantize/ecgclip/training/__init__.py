"""Networks with heads: training, acute rhythms by cross-validation, tuning for int8, heads fitted once more."""
