"""The tagger of the study: an encoder, a bidirectional LSTM over the words, a linear layer.

The file travels with every model that is saved, so that it can be loaded without this package where its code is
trusted. That is why it imports torch and transformers alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput


class BiLSTMConfig(PretrainedConfig):
    """Of `BiLSTMForTokenClassification`.

    encoder: configuration of the encoder, as `PretrainedConfig.to_dict` gives it.
    lstm_hidden_size: units of the LSTM in each direction.
    head_dropout: share of the values dropped before the LSTM and before the linear layer.
    """

    model_type = "bilstm_tagger"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        lstm_hidden_size: int = 128,
        head_dropout: float = 0.1,
        **options: Any,
    ) -> None:
        self.encoder = dict(encoder or {})
        self.encoder.pop("_name_or_path", None)  # a folder of the machine that it was trained on
        self.lstm_hidden_size = lstm_hidden_size
        self.head_dropout = head_dropout
        super().__init__(**options)

    def encoder_config(self) -> PretrainedConfig:
        """The encoder's configuration as an object of its own class."""
        encoder = dict(self.encoder)
        return AutoConfig.for_model(encoder.pop("model_type"), **encoder)


class BiLSTMForTokenClassification(PreTrainedModel):
    """Encoder, first sub-word of each word, dropout, bidirectional LSTM over the words, linear layer.

    Words begin where ``starts_word``, a buffer of one boolean for each entry of the vocabulary, says so. It is saved
    with the weights: so the sub-words alone tell the words, in training, in evaluation and in the stock pipeline.
    """

    config_class = BiLSTMConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    starts_word: torch.Tensor

    def __init__(self, config: BiLSTMConfig, encoder: PreTrainedModel | None = None) -> None:
        """``encoder`` is one that is loaded already; without it, one is made of the configuration, untrained."""
        super().__init__(config)
        self.num_labels = config.num_labels
        self.encoder = encoder if encoder is not None else AutoModel.from_config(config.encoder_config())
        # Nothing reads the pooled sentence, and DDP waits for the gradient of every weight.
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None
        self._no_split_modules = list(self.encoder._no_split_modules or [])
        self.dropout = nn.Dropout(config.head_dropout)
        self.lstm = nn.LSTM(
            self.encoder.config.hidden_size, config.lstm_hidden_size, batch_first=True, bidirectional=True
        )
        self.classifier = nn.Linear(2 * config.lstm_hidden_size, config.num_labels)
        vocabulary = self.encoder.get_input_embeddings().num_embeddings
        self.register_buffer("starts_word", torch.ones(vocabulary, dtype=torch.bool))
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """The head alone: the encoder initialises itself. Forget gates begin open (Jozefowicz et al. 2015)."""
        if isinstance(module, BiLSTMForTokenClassification):
            module.starts_word.fill_(True)
        elif isinstance(module, nn.LSTM):
            for name, parameter in module.named_parameters():
                if "weight_hh" in name:
                    for gate in parameter.chunk(4):
                        nn.init.orthogonal_(gate)
                elif "weight_ih" in name:
                    nn.init.xavier_uniform_(parameter)
                else:
                    nn.init.zeros_(parameter)
                    if "bias_ih" in name:
                        parameter.chunk(4)[1].fill_(1.0)
        elif module is self.classifier:
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
        **encoder_inputs: Any,
    ) -> TokenClassifierOutput | tuple[torch.Tensor, ...]:
        """Logits [B, T, L]: every sub-word has those of its word. ``labels`` int64 [B, T] count unless -100."""
        if input_ids is None:
            raise ValueError("input_ids are needed: words are told by them, so embeddings alone do not do")
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        hidden = self.encoder(input_ids=input_ids, attention_mask=mask, **encoder_inputs).last_hidden_state
        starts = self.starts_word[input_ids] & mask.bool()
        word_of, words, counts = _words(starts, hidden)
        # LSTMs of most backends know no half precision under autocast, and recurrence loses the most by it.
        with torch.autocast(hidden.device.type, enabled=False):
            packed = pack_padded_sequence(
                self.dropout(words).to(self.lstm.weight_ih_l0.dtype),
                counts.cpu(),
                batch_first=True,
                enforce_sorted=False,
            )
            states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=words.shape[1])
        word_logits = self.classifier(self.dropout(states))
        logits = word_logits.gather(1, word_of[..., None].expand(-1, -1, word_logits.shape[-1]))
        loss = None
        if labels is not None:
            loss = cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return TokenClassifierOutput(loss=loss, logits=logits)


def _words(starts: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gather the first sub-words of B sentences.

    ``starts`` [B, T] says which sub-words begin a word, ``hidden`` is [B, T, H]. Returns int64 [B, T], the word that
    each sub-word belongs to (those before the first word to the first); [B, W, H]; int64 [B], words of each sentence,
    at least 1.
    """
    number = starts.long().cumsum(1)
    counts = number[:, -1].clamp(min=1)
    most = int(counts.max())
    positions = torch.arange(starts.shape[1], device=starts.device).expand_as(starts)
    # What begins no word is written to a place behind the last word, which is cut off.
    target = torch.where(starts, number - 1, most)
    first = torch.zeros(len(starts), most + 1, dtype=torch.long, device=starts.device)
    first = first.scatter(1, target, positions)[:, :most]
    words = hidden.gather(1, first[..., None].expand(-1, -1, hidden.shape[-1]))
    return (number - 1).clamp(min=0), words, counts
