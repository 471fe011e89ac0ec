"""Tiny random models of every family, with tokenizer and processor, saved as directories: the same
bytes for the same call."""

import json
from pathlib import Path

TEXTS = [
    "item weight 500 gram",
    "height 10 centimetre",
    "Item Name: Green tea, 6.0 Ounce",
    "What is the voltage?",
    "value: 12 volt",
]
BODY = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string "
    "%}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type']=='image' "
    "%}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if "
    "add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DOCUMENT = "title: none | text: "  # EmbeddingGemma's own


def tokenizer(special=("<pad>", "<s>", "</s>", "<unk>"), extra=(), frame=True, **settings):
    """A byte-level BPE of some 300 entries; special: pad, first, last, unknown, by number 0 to 3.
    frame: first and last are put on."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    bpe.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=[*special, *extra],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    if frame:
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{special[1]} $A {special[2]}",
            special_tokens=[(special[1], 1), (special[2], 2)],
        )
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), special, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, additional_special_tokens=list(extra) or None, **names, **settings
    )


def save(folder, *parts) -> Path:
    for part in parts:
        part.save_pretrained(folder)
    return Path(folder)


def tokens_of(tk) -> dict:
    return dict(
        vocab_size=len(tk),
        pad_token_id=tk.pad_token_id,
        bos_token_id=tk.bos_token_id,
        eos_token_id=tk.eos_token_id,
    )


def clip(folder) -> Path:
    """CLIPModel, 24 text tokens, images of 32 pixels, joint space of 16."""
    import torch
    import transformers as T

    torch.manual_seed(0)
    tk = tokenizer(model_max_length=24)
    config = T.CLIPConfig(
        text_config=dict(BODY, **tokens_of(tk), max_position_embeddings=24, projection_dim=16),
        vision_config=dict(BODY, image_size=32, patch_size=8, projection_dim=16),
        projection_dim=16,
    )
    pictures = T.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    return save(
        folder, T.CLIPModel(config), T.CLIPProcessor(image_processor=pictures, tokenizer=tk)
    )


def siglip(folder) -> Path:
    """SiglipModel, 64 text tokens, images of 32 pixels, joint space of 32."""
    import torch
    import transformers as T

    torch.manual_seed(1)
    tk = tokenizer()
    config = T.SiglipConfig(
        text_config=dict(BODY, **tokens_of(tk), max_position_embeddings=64, projection_size=32),
        vision_config=dict(BODY, image_size=32, patch_size=8),
    )
    pictures = T.SiglipImageProcessor(size={"height": 32, "width": 32})
    return save(
        folder, T.SiglipModel(config), T.SiglipProcessor(image_processor=pictures, tokenizer=tk)
    )


def siglip2(folder) -> Path:
    """Siglip2Model (naflex), 64 text tokens, at most 16 patches of 8 pixels."""
    import torch
    import transformers as T

    torch.manual_seed(2)
    tk = tokenizer()
    config = T.Siglip2Config(
        text_config=dict(BODY, **tokens_of(tk), max_position_embeddings=64, projection_size=32),
        vision_config=dict(BODY, num_patches=16, patch_size=8),
    )
    return save(
        folder,
        T.Siglip2Model(config),
        tk,
        T.Siglip2ImageProcessor(patch_size=8, max_num_patches=16),
    )


def sentence(folder, modules: list[str], pooling: dict, length: int, prompts: dict) -> Path:
    """A sentence-transformers directory's files around a saved transformer: modules after the
    first, of random weights."""
    import torch
    from safetensors.torch import save_file

    folder, sizes = Path(folder), [32, 64, 32]
    listed = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    ]
    for i, kind in enumerate(modules, 1):
        place = folder / f"{i}_{kind}"
        place.mkdir()
        listed.append(
            {
                "idx": i,
                "name": str(i),
                "path": place.name,
                "type": f"sentence_transformers.models.{kind}",
            }
        )
        if kind == "Pooling":
            (place / "config.json").write_text(
                json.dumps({"word_embedding_dimension": 32, "include_prompt": True, **pooling})
            )
        if kind == "Dense":
            a, b = sizes[i - 2], sizes[i - 1]
            (place / "config.json").write_text(
                json.dumps(
                    {
                        "in_features": a,
                        "out_features": b,
                        "bias": False,
                        "activation_function": "torch.nn.modules.linear.Identity",
                    }
                )
            )
            save_file({"linear.weight": torch.randn(b, a) / a**0.5}, place / "model.safetensors")
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(
        json.dumps({"max_seq_length": length, "do_lower_case": False})
    )
    (folder / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": prompts, "default_prompt_name": None})
    )
    return folder


def embedding_gemma(folder) -> Path:
    """EmbeddingGemma's layout: Gemma 3 that looks both ways → mean → Dense 32-64 → Dense 64-32 →
    length 1, with its prompts."""
    import torch
    import transformers as T

    torch.manual_seed(3)
    tk = tokenizer(special=("<pad>", "<bos>", "<eos>", "<unk>"))
    config = T.Gemma3TextConfig(
        **BODY,
        **tokens_of(tk),
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=128,
        sliding_window=512,
        use_bidirectional_attention=True,
    )
    save(folder, T.Gemma3TextModel(config), tk)
    return sentence(
        folder,
        ["Pooling", "Dense", "Dense", "Normalize"],
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False},
        64,
        {"query": "task: search result | query: ", "document": DOCUMENT},
    )


def minilm(folder, pooling: str = "mean") -> Path:
    """all-MiniLM's layout: BERT → pooling → length 1; no prompts, 64 tokens."""
    import torch
    import transformers as T

    torch.manual_seed(4)
    tk = tokenizer(special=("[PAD]", "[CLS]", "[SEP]", "[UNK]"), model_max_length=128)
    save(
        folder, T.BertModel(T.BertConfig(**BODY, **tokens_of(tk), max_position_embeddings=128)), tk
    )
    return sentence(folder, ["Pooling", "Normalize"], {"pooling_mode": pooling}, 64, {})


def deberta(folder) -> Path:
    """A DeBERTa v2/v3 trunk as DebertaV2Model, for fine-tuning; 128 tokens."""
    import torch
    import transformers as T

    torch.manual_seed(5)
    tk = tokenizer(
        special=("[PAD]", "[CLS]", "[SEP]", "[UNK]"),
        extra=("[MASK]",),
        model_max_length=128,
        mask_token="[MASK]",
    )
    config = T.DebertaV2Config(
        **BODY,
        **tokens_of(tk),
        max_position_embeddings=128,
        relative_attention=True,
        position_buckets=32,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        position_biased_input=False,
        type_vocab_size=0,
    )
    return save(folder, T.DebertaV2Model(config), tk)


def qwen_vl(folder, columns: int = 32) -> Path:
    """Qwen2.5-VL: patches of 14 pixels merged 2 by 2, so an image of 56 has 4 tokens; padded on
    the left, as the real one's files say. columns: of its language model."""
    import torch
    import transformers as T

    torch.manual_seed(6)
    marks = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tk = tokenizer(
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>"),
        marks,
        frame=False,
        padding_side="left",
    )
    ids = dict(
        zip(
            ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"),
            tk.convert_tokens_to_ids(list(marks)),
            strict=True,
        )
    )
    config = T.Qwen2_5_VLConfig(
        text_config=dict(
            BODY,
            **tokens_of(tk),
            hidden_size=columns,
            intermediate_size=2 * columns,
            num_attention_heads=columns // 8,
            num_key_value_heads=columns // 16,
            max_position_embeddings=2048,
            rope_scaling={"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2]},
        ),
        vision_config=dict(
            depth=2,
            hidden_size=32,
            intermediate_size=64,
            num_heads=4,
            out_hidden_size=columns,
            patch_size=14,
            spatial_merge_size=2,
            temporal_patch_size=2,
            fullatt_block_indexes=[1],
            window_size=56,
        ),
        **ids,
    )
    pictures = T.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 16)
    processor = T.Qwen2_5_VLProcessor(
        image_processor=pictures,
        tokenizer=tk,
        video_processor=T.Qwen2VLVideoProcessor(),
        chat_template=CHAT,
    )
    return save(folder, T.Qwen2_5_VLForConditionalGeneration(config), processor)


QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<unk>")
HEADS = dict(num_key_value_heads=2, max_position_embeddings=2048)
GEMMA_CHAT = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ "
    "raise_exception('System role not supported') }}{% endif %}"
    "<start_of_turn>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% "
    "else %}{% for c in m['content'] %}"
    "{% if c['type']=='image' %}<start_of_image>{% else %}{{ c['text'] }}{% endif %}{% "
    "endfor %}{% endif %}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def lively(folder, factor: float = 6.0) -> Path:
    """The model of `folder` with larger weights in its layers: what it generates then differs from
    question to question."""
    from safetensors.torch import load_file, save_file

    file = Path(folder) / "model.safetensors"
    weights = load_file(file)
    for key in weights:
        weights[key] *= factor if weights[key].ndim > 1 and "embed" not in key else 1
    save_file(weights, file, {"format": "pt"})
    return Path(folder)


def qwen3_vl(folder) -> Path:
    """Qwen3-VL: patches of 16 pixels merged 2 by 2, a middle layer of the tower fed into the
    language model too."""
    import torch
    import transformers as T

    torch.manual_seed(7)
    marks = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tk = tokenizer(QWEN, marks, frame=False)
    ids = dict(
        zip(
            ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id"),
            tk.convert_tokens_to_ids(list(marks)),
            strict=True,
        )
    )
    config = T.Qwen3VLConfig(
        text_config=dict(
            BODY,
            **tokens_of(tk),
            **HEADS,
            head_dim=8,
            rope_scaling={
                "rope_type": "default",
                "mrope_section": [1, 1, 2],
                "mrope_interleaved": True,
            },
        ),
        vision_config=dict(
            depth=2,
            hidden_size=32,
            intermediate_size=64,
            num_heads=4,
            out_hidden_size=32,
            patch_size=16,
            spatial_merge_size=2,
            temporal_patch_size=2,
            deepstack_visual_indexes=[0],
            num_position_embeddings=16,
        ),
        **ids,
    )
    pictures = T.Qwen2VLImageProcessor(patch_size=16, min_pixels=32 * 32, max_pixels=32 * 32 * 16)
    processor = T.Qwen3VLProcessor(
        image_processor=pictures,
        tokenizer=tk,
        video_processor=T.Qwen3VLVideoProcessor(),
        chat_template=CHAT,
    )
    return save(folder, T.Qwen3VLForConditionalGeneration(config), processor)


def smolvlm(folder) -> Path:
    """SmolVLM: every image 64 pixels squared, 16 tokens. Its processor needs the package
    num2words."""
    import torch
    import transformers as T

    torch.manual_seed(8)
    tk = tokenizer(
        ("<pad>", "<|im_start|>", "<end_of_utterance>", "<unk>"),
        ("<image>", "<fake_token_around_image>", "<global-img>"),
        frame=False,
    )
    side = dict(size={"longest_edge": 64}, max_image_size={"longest_edge": 64})
    config = T.SmolVLMConfig(
        text_config=T.LlamaConfig(**BODY, **tokens_of(tk), **HEADS),
        scale_factor=2,
        pad_token_id=0,
        vision_config=dict(BODY, image_size=64, patch_size=8),
        image_token_id=tk.convert_tokens_to_ids("<image>"),
    )
    template = (
        "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}:{% for c in "
        "m['content'] %}{% if c['type']=='image' %}<image>"
        "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor "
        "%}{% if add_generation_prompt %}Assistant:{% endif %}"
    )
    processor = T.SmolVLMProcessor(
        image_processor=T.SmolVLMImageProcessor(**side, do_image_splitting=False),
        tokenizer=tk,
        video_processor=T.SmolVLMVideoProcessor(**side),
        image_seq_len=16,
        chat_template=template,
    )
    return save(folder, T.SmolVLMForConditionalGeneration(config), processor)


def gemma3(folder) -> Path:
    """Gemma 3 with images: 32 pixels squared, 4 tokens each; tied embeddings, a template that
    writes <bos> itself."""
    import torch
    import transformers as T

    torch.manual_seed(9)
    marks = (
        "<start_of_turn>",
        "<end_of_turn>",
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
    )
    tk = tokenizer(
        ("<pad>", "<bos>", "<eos>", "<unk>"),
        marks,
        extra_special_tokens=dict(
            zip(("boi_token", "eoi_token", "image_token"), marks[2:], strict=True)
        ),
    )
    ids = dict(
        zip(
            ("boi_token_index", "eoi_token_index", "image_token_index"),
            tk.convert_tokens_to_ids(list(marks[2:])),
            strict=True,
        )
    )
    config = T.Gemma3Config(
        text_config=dict(BODY, **tokens_of(tk), **HEADS, head_dim=8, sliding_window=512),
        vision_config=dict(BODY, image_size=32, patch_size=8),
        mm_tokens_per_image=4,
        **ids,
    )
    processor = T.Gemma3Processor(
        image_processor=T.Gemma3ImageProcessor(size={"height": 32, "width": 32}),
        tokenizer=tk,
        image_seq_length=4,
        chat_template=GEMMA_CHAT,
    )
    model = T.Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(
        model.model.multi_modal_projector.mm_input_projection_weight
    )  # all zero otherwise: it would see nothing
    return save(folder, model, processor)


def minicpm(folder) -> Path:
    """MiniCPM-V 4.6, which transformers has from about 5.8 on: linear and full attention, images
    cut into slices."""
    import torch
    import transformers as T

    torch.manual_seed(10)
    names = (
        "image_token",
        "video_token",
        "image_start_token",
        "image_end_token",
        "slice_start_token",
        "slice_end_token",
        "image_id_start_token",
        "image_id_end_token",
    )
    marks = (
        "<|image_pad|>",
        "<|video_pad|>",
        "<image>",
        "</image>",
        "<slice>",
        "</slice>",
        "<image_id>",
        "</image_id>",
    )
    tk = tokenizer(
        QWEN, marks, frame=False, extra_special_tokens=dict(zip(names, marks, strict=True))
    )
    ids = dict(
        zip(
            ("image_token_id", "video_token_id"),
            tk.convert_tokens_to_ids(list(marks[:2])),
            strict=True,
        )
    )
    linear = dict(
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
    )
    config = T.MiniCPMV4_6Config(
        text_config=dict(
            BODY,
            **tokens_of(tk),
            **HEADS,
            **linear,
            head_dim=8,
            model_type="qwen3_5_text",
            layer_types=["linear_attention", "full_attention"],
        ),
        vision_config=dict(BODY, image_size=56, patch_size=14, insert_layer_id=0),
        insert_layer_id=0,
        image_size=56,
        **ids,
    )
    processor = T.MiniCPMV4_6Processor(
        image_processor=T.MiniCPMV4_6ImageProcessor(
            scale_resolution=112, max_slice_nums=2, patch_size=14
        ),
        tokenizer=tk,
        video_processor=T.MiniCPMV4_6VideoProcessor(),
        chat_template=CHAT.replace("<|vision_start|>", "").replace("<|vision_end|>", ""),
    )
    return save(folder, T.MiniCPMV4_6ForConditionalGeneration(config), processor)


def gemma2(folder) -> Path:
    """Gemma 2: a causal language model; two marks end a reply, and there is no system role."""
    import torch
    import transformers as T

    torch.manual_seed(11)
    tk = tokenizer(
        ("<pad>", "<bos>", "<eos>", "<unk>"),
        ("<start_of_turn>", "<end_of_turn>"),
        padding_side="left",
    )
    tk.chat_template = GEMMA_CHAT
    model = T.Gemma2ForCausalLM(
        T.Gemma2Config(**BODY, **tokens_of(tk), **HEADS, head_dim=8, sliding_window=512)
    )
    model.generation_config.eos_token_id = [2, tk.convert_tokens_to_ids("<end_of_turn>")]
    return save(folder, model, tk)


def load(place, side, name, tokens=1, max_length=40, prompt=""):
    """The encoder of a saved model, on the CPU."""
    from types import SimpleNamespace

    import torch

    from networks.encoders import load_encoder

    settings = SimpleNamespace(tokens=tokens, max_length=max_length, prompt=prompt)
    return load_encoder(side, name, str(place), settings, torch.device("cpu"), None)
