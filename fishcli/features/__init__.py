"""Views, backbones, the engine and the feature store."""
