"""The Amazon ML Challenge 2024: 131,187 questions about 90,666 pictures, in 100 parts, 20 at a time; 2,000 training rows say how good it is.

A vision-language model in 4 bits reads the value (seed: MiniCPM-Llama3-V-2.5), a language model corrects what the normaliser cannot read.

    make -j20 all CATEGORY=entity SET="vlm.endpoint=http://127.0.0.1:8000/v1"      a server answers: vLLM, SGLang, llama.cpp
    make predict CATEGORY=entity PARTS=0-4                                          on each of 20 machines its parts; then make all on one
"""
from common.config import Config, Data, Vlm

config = Config(
    task="entity", models=("vlm", "refine"),
    data=Data(folder="entity", id="index", question="entity_name", category_column="group_id", labels=("entity_value",), group="image_link",
              train_image="images/{image_link:name}", test_image="images/{image_link:name}", parts=100, val_rows=2000),
    vlm=Vlm(bits=4),
)
