"""Encoder and head. Importing it makes the Auto classes of transformers know the BiLSTM tagger."""

from transformers import AutoConfig, AutoModelForTokenClassification

from nerc_trainer.modeling.bilstm import BiLSTMConfig, BiLSTMForTokenClassification

AutoConfig.register(BiLSTMConfig.model_type, BiLSTMConfig)
AutoModelForTokenClassification.register(BiLSTMConfig, BiLSTMForTokenClassification)
# Their code is saved with each model, so that it loads without this package where the code is trusted.
BiLSTMConfig.register_for_auto_class()
BiLSTMForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")
