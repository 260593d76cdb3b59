from dataclasses import replace

import pytest

from visop.contract import OperatorInfo
from visop.errors import OtherEncoder, UsageError
from visop.same_encoder import check_is_encoder, check_same_encoder, differences

OLD = OperatorInfo("vgg19", "vgg19-imagenet-avg-bilinear-bf16-1a2b3c4d5e6f", 512, "L2")
NEW = OperatorInfo("vgg19", "vgg19-file-gem-head-whitened-bilinear-f32-ffffffffffff", 128, "L2")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "processor", "dimension": -1}, "is a processor of dimension -1, not an encoder"),
        ({"parts": "regions:10"}, "gives vectors of parts (regions:10), not one for each picture"),
    ],
    ids=["processor", "pipeline"],
)
def test_what_gives_no_vector_for_each_picture_is_refused(changes, why):
    with pytest.raises(UsageError) as caught:
        check_is_encoder(replace(OLD, **changes))
    assert why in str(caught.value)


def test_the_same_encoder_passes():
    check_same_encoder(OLD, replace(OLD), "here", "there")


def test_a_refusal_has_both_fingerprints_every_difference_and_the_way_out():
    with pytest.raises(OtherEncoder) as caught:
        check_same_encoder(OLD, NEW, "the index photos", "this encoder", "Use another")
    text = str(caught.value)
    assert OLD.fingerprint in text
    assert NEW.fingerprint in text
    assert text.endswith("Use another")


def test_parts_are_compared_one_by_one():
    assert differences(OLD, NEW) == [
        "dimension 512, not 128",
        "weights imagenet, not file",
        "pooling avg, not gem",
        "head none, not head",
        "whitening none, not whitened",
        "precision bf16, not f32",
    ]


def test_only_another_digest_means_other_weights():
    other = replace(OLD, fingerprint="vgg19-imagenet-avg-bilinear-bf16-000000000000")
    (said,) = differences(OLD, other)
    assert said.startswith("the weights, or the version of preprocessing")


def test_an_older_name_of_the_same_space_passes_whichever_side_knows_it():
    renamed = replace(OLD, fingerprint="vgg19-imagenet-avg-bilinear-ffffffffffff")
    knowing = replace(renamed, older_fingerprints=frozenset({OLD.fingerprint}))
    check_same_encoder(OLD, knowing, "an old index", "this encoder")
    check_same_encoder(knowing, OLD, "this encoder", "an old operator")
    with pytest.raises(OtherEncoder, match=r"precision bf16, not none"):
        check_same_encoder(OLD, renamed, "an old index", "an encoder that does not know it")


def test_fingerprints_of_other_operators_are_not_taken_apart():
    assert differences(OperatorInfo("a", "mine-1", 8, "IP"), OperatorInfo("b", "mine-2", 8, "L2")) == [
        "operator a, not b",
        "metric IP, not L2",
        "fingerprint",
    ]
