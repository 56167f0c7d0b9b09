"""From a photo's file to what a backbone takes: decoding, views, augmented copies."""
