#!/usr/bin/env bash
# Fetches the published weights of a model and checks them; see --help. Needs only Python 3.
set -euo pipefail

# Model, digest, file. Keras publishes an md5, and no better digest ("-" means none). torchvision publishes the first 8
# digits of a SHA-256, in the name of the file. Of the file in a Git repository there is Git's own: SHA-1, 40 digits. The
# same facts are in visop/models/registry.py and visop/processors/ssd/variants.py, which cannot be imported before visop's
# dependencies are installed; a test compares them.
PUBLISHED=https://storage.googleapis.com/tensorflow/keras-applications
MODELS="
vgg16             6d6bbae143d832006294945121d1f1fc  vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5
vgg19             253f8cb515780f3b799900260a226db6  vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5
xception          b0042744bf5b25fce3cb969f33bebb97  xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5
resnet50          4d473c1dd8becc155b73f8504c6f6626  resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5
mobilenetv2       -  mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5
efficientnetv2b0  893217f2bb855e2983157299931e43ff  efficientnet_v2/efficientnetv2-b0_notop.h5
ssd300            1650a2ddbcb51351af4ad70ffe7a879301f5fdfe  https://github.com/balancap/SSD-Tensorflow/raw/e0e3104d3a2cc5d830fad041d4e56ebcf84caac3/checkpoints/ssd_300_vgg.ckpt.zip
ssd300-coco       b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d  https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth
"

# Model, what is known of the licence of its weights.
LICENCES="
vgg16             CC BY 4.0, Visual Geometry Group, University of Oxford
vgg19             CC BY 4.0, Visual Geometry Group, University of Oxford
xception          MIT, François Chollet
resnet50          MIT, Kaiming He
mobilenetv2       Apache-2.0, the TensorFlow authors
efficientnetv2b0  Apache-2.0, Google
ssd300            none is stated for these weights, converted from those of the paper's authors; the code beside them says Apache-2.0 in its headers. Trained on pictures of Pascal VOC, which are Flickr's users'
ssd300-coco       none is stated for the file; the torchvision project that publishes it is under BSD-3-Clause. Begun from VGG-16 (CC BY 4.0, Oxford) and trained on pictures of COCO, which are Flickr's users'
"
PYTHON=${PYTHON:-python3}
FOLDER=${OP_DATA_DIR:-$(dirname "$0")}
# The sha256 of every file that was fetched or found, as sha256sum writes it: md5 can be forged, and is not published for
# all. The first file of a name decides; keep the list in version control, so that it decides for everybody.
LIST=$FOLDER/weights.sha256

main() {
    case ${1:-} in
        -h | --help) usage; exit 0 ;;
        "" | -*) usage >&2; exit 2 ;;
    esac
    local model=$1 mirror=${2:-${WEIGHTS_MIRROR:-}} path digest folder
    read -r digest path < <(awk -v model="$model" '$1 == model {print $2, $3}' <<<"$MODELS") ||
        fail 2 "there is no model $model; the models are $(names)"
    local file=${path##*/} url=$PUBLISHED/$path
    [ "$path" = "${path#https:}" ] || url=$path
    [ -z "$mirror" ] || url=${mirror%/}/$file

    for folder in "$FOLDER" ~/.keras/models; do
        if is_right "$folder/$file" "$digest"; then
            remember "$folder/$file"
            echo "$model: $folder/$file exists and is the published file"
            licence "$model"
            exit 0
        fi
    done
    [ ! -e "$FOLDER/$file" ] || echo "$model: $FOLDER/$file is damaged or another file; it will be replaced" >&2
    mkdir -p "$FOLDER"
    echo "$model: fetching $url"
    fetch "$url" "$FOLDER/$file.part" "$digest" || fail 1 "$model could not be fetched. $(by_hand "$file" "$digest")"
    mv "$FOLDER/$file.part" "$FOLDER/$file"
    local checked
    checked=$([ "$digest" != - ] || listed "$file" || echo "; no digest is published to check it with")
    remember "$FOLDER/$file"
    echo "$model: $FOLDER/$file is complete$checked"
    licence "$model"
}

# licence MODEL: says what is known of it.
licence() { awk -v model="$1" '$1 == model {$1 = "licence of the weights:"; print}' <<<"$LICENCES"; }

# fetch URL PART DIGEST: downloads the whole file to PART, or fails. PART is kept for the next run if the connection breaks.
fetch() {
    local resumed
    while true; do
        resumed=$([ ! -s "$2" ] || echo yes)
        download "$1" "$2" || return 1
        is_right "$2" "$3" && return 0
        rm "$2"
        [ -n "$resumed" ] || { echo "the download from $1 is not the published file; it was deleted" >&2; return 1; }
        echo "the part that an earlier run left does not belong to this file: starting over" >&2
    done
}

usage() {
    cat <<TEXT
usage: data/prepare_model.sh MODEL [MIRROR]

Fetches the published weights of MODEL into data/ (or \$OP_DATA_DIR), where the server looks for them: of an encoder those
of ImageNet, without the classifier; of ssd300 those for Pascal VOC, in the file of the function service's detector, and of
ssd300-coco those of torchvision. Says what is known of their licence. Does nothing if they are already there or in the
cache of Keras, resumes a download that was cut off, replaces a damaged file, and deletes a download that does not match the
published digest, or the one in data/weights.sha256: the first download of each file enters its sha256 there, and every later
one must be the same.

  MODEL    $(names)
  MIRROR   the URL of a folder to fetch from instead, which contains the file under its published name, such as
           https://files.example.org/keras or file:///media/usb. \$WEIGHTS_MIRROR does the same.

Without a network, copy the file into data/ yourself and run this again to check it, or serve random weights for a
trial: make run WEIGHTS=random
TEXT
}

names() { awk 'NF {printf "%s%s", comma, $1; comma = ", "}' <<<"$MODELS"; }

fail() {
    echo "data/prepare_model.sh: $2" >&2
    exit "$1"
}

by_hand() {
    echo "Run this again to resume, give the URL of a mirror as the second argument, or copy $1" \
        "$([ "$2" = - ] || echo "($(kind "$2") $2) ")into $FOLDER yourself."
}

# kind DIGEST: what it is, by its digits.
kind() {
    case ${#1} in
        64) echo sha256 ;;
        40) echo "git hash-object" ;;
        *) echo md5 ;;
    esac
}

# listed FILE: succeeds if the list has a digest for a file of this name.
listed() { [ -f "$LIST" ] && grep -q "  ${1##*/}\$" "$LIST"; }

# remember FILE: enters the sha256 of the file, unless there is one.
remember() {
    listed "$1" || "$PYTHON" - "$1" >>"$LIST" <<'PYTHON'
import hashlib, os, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest(), os.path.basename(sys.argv[1]), sep="  ")
PYTHON
}

# is_right FILE DIGEST: succeeds if FILE exists with this digest, or, if none is published, if it is an HDF5 file; and with
# the sha256 of the list, if that has one.
is_right() {
    [ -f "$1" ] && "$PYTHON" - "$1" "$2" "$LIST" <<'PYTHON'
import hashlib, os, sys
path, digest, list_ = sys.argv[1:]
content = open(path, "rb").read()
lines = open(list_).read().split("\n") if os.path.exists(list_) else []
known = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
sha256 = hashlib.sha256(content).hexdigest()
name = os.path.basename(path).removesuffix(".part")
hdf5 = content[:8] == b"\x89HDF\r\n\x1a\n"
git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
right = hdf5 if digest == "-" else digest in (hashlib.md5(content).hexdigest(), sha256, git)
sys.exit(not right or known.get(name, sha256) != sha256)
PYTHON
}

# download URL FILE: resumes where FILE ends, and retries as long as every request brings more of the file.
download() {
    "$PYTHON" - "$1" "$2" <<'PYTHON'
import http.client, os, sys, urllib.error, urllib.request

url, path = sys.argv[1:]


def size():
    return os.path.getsize(path) if os.path.exists(path) else 0


def fetch_rest():
    """Send one request. Returns how many bytes are still missing, according to the server."""
    start = size()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=30) as reply:
        resumed = reply.getcode() == 206  # a server without support for ranges sends the whole file again
        total = int(reply.headers.get("Content-Length", 0)) + (start if resumed else 0)
        with open(path, "ab" if resumed else "wb") as file:
            for block in iter(lambda: reply.read(1 << 20), b""):
                file.write(block)
                if sys.stderr.isatty():
                    print(f"\r{file.tell() >> 20} of {total >> 20} MiB ", end="", file=sys.stderr, flush=True)
    return total - size()


missing = 1
while missing > 0:
    before = size()
    try:
        missing, problem = fetch_rest(), "the connection was cut off"
    except urllib.error.HTTPError as error:
        if error.code == 416 and before:
            break  # the file is already complete
        sys.exit(f"the server answered {error.code} {error.reason}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        problem = f"{getattr(error, 'reason', error)}"
    except KeyboardInterrupt:
        sys.exit("interrupted")
    if missing > 0 and size() <= before:
        sys.exit(f"{problem} (after {size()} bytes)")
PYTHON
}

main "$@"
