"""What a model's columns are: learnt from a DataFrame, from the model, or from its signature."""
