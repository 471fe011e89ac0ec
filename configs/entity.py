"""The Amazon ML Challenge 2024: 131,187 questions about 90,666 images, in 100 parts, 20 at a time;
2,000 training rows say how good it is.

A vision-language model in 4 bits reads the value (the published notebook has MiniCPM-Llama3-V-2.5),
a language model corrects what the normaliser cannot read. The images are downloaded from their
links.

Run     make -j20 all CATEGORY=entity SET="vlm.endpoint=http://127.0.0.1:8000/v1"
            a server answers (vLLM, SGLang, llama.cpp)
        make predict CATEGORY=entity PARTS=0-4
            on each of 20 machines its parts; then make all on one
Needs   a GPU of 16 GB or a server; the competition's files in input/entity; a network
Took    not run here: no GPU
Score   not run here; Qwen2-VL-7B unchanged is known to have .617
"""

from config import Config

config = Config(
    task="entity",
    models=("vlm", "refine"),
    data=dict(
        folder="entity",
        id="index",
        question="entity_name",
        category_column="group_id",
        labels=("entity_value",),
        group="image_link",
        train_image="{image_link}",
        test_image="{image_link}",
        parts=100,
        max_train_rows=2000,
    ),
    images=dict(cache=False),
    vlm=dict(bits=4),
)
