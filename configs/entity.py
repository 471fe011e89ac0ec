"""The Amazon ML Challenge 2024: 131,187 questions about 90,666 pictures, in 100 parts, 20 at a
time; 2,000 training rows say how good it is.

A vision-language model in 4 bits reads the value (seed: MiniCPM-Llama3-V-2.5), a language model
corrects what the normaliser cannot read. The pictures are downloaded from their links.

A server answers (vLLM, SGLang, llama.cpp):
    make -j20 all CATEGORY=entity SET="vlm.endpoint=http://127.0.0.1:8000/v1"
On each of 20 machines its parts; then make all on one:
    make predict CATEGORY=entity PARTS=0-4
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
