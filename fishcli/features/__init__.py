"""Floor 2: views, backbones, the engine and the feature store."""
