// A POSIX shell script that moves copies, and writes another one that moves them back.

import { movedOf, pathsKept } from "./choices.js";
import { counted } from "./words.js";

const HEAD = `set -u
LC_ALL=C
export LC_ALL
only_say=
[ "\${1-}" != -n ] || only_say=1
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
undo=
moved=0
left=0

leave() {
  left=$((left + 1))
  printf 'left where it is, %s: %s\\n' "$2" "$1" >&2
}

quote() {
  printf '%s\\n' "$1" | sed "s/'/'\\\\\\\\''/g;1s/^/'/;\\$s/\\$/'/"
}

begin() {
  mkdir -p "$folder" || exit 1
  undo=$folder/move-back-$(date +%Y%m%d-%H%M%S)-$$.sh
  set -C
  cat > "$undo" << 'END' || exit 1
#!/bin/sh
# Moves back what was moved here. Nothing is replaced.
set -u
back() {
  if [ ! -e "$to" ] && [ ! -L "$to" ]; then
    return
  elif [ -e "$from" ] || [ -L "$from" ]; then
    printf 'left in the folder, something has its place: %s\\n' "$from" >&2
  else
    mkdir -p "\${from%/*}" && mv -n "$to" "$from"
  fi
}
END
  set +C
}

# move FILE BYTES KEPT...: moves a file, if one that is kept of its group is there.
move() {
  from=$1
  bytes=$2
  shift 2
  there=
  for kept in "$@"; do
    if [ -s "$kept" ]; then there=1; fi
    if [ "$from" -ef "$kept" ]; then
      leave "$from" 'it is the very file that is kept'
      return
    fi
  done
  if [ -z "$there" ]; then
    leave "$from" 'nothing that is kept of its group is there'
  elif [ -L "$from" ] || [ ! -f "$from" ]; then
    leave "$from" 'there is no such file any more'
  elif [ "$(wc -c < "$from")" -ne "$bytes" ]; then
    leave "$from" 'it has changed'
  elif [ -n "$only_say" ]; then
    moved=$((moved + 1))
    printf '%s\\n' "$from"
  else
    [ -n "$undo" ] || begin
    move_it
  fi
}

move_it() {
  to=$folder/\${from##*/}
  number=1
  while [ -e "$to" ] || [ -L "$to" ]; do
    number=$((number + 1))
    to="$folder/$number \${from##*/}"
  done
  { printf 'from='; quote "$from"; printf 'to='; quote "$to"; echo back; } >> "$undo" || exit 1
  if mv -n "$from" "$to" && [ ! -e "$from" ]; then
    moved=$((moved + 1))
  else
    leave "$from" 'it cannot be moved'
  fi
}
`;

const TAIL = `
if [ -n "$only_say" ]; then
  printf '%s files would be moved to %s, %s left\\n' "$moved" "$folder" "$left"
else
  printf '%s files moved to %s, %s left\\n' "$moved" "$folder" "$left"
  [ -z "$undo" ] || printf 'To move them back: sh %s\\n' "$undo"
fi
[ "$left" -eq 0 ]
`;

/** A word of the shell that stands for a text, whatever is in it: between single quotes nothing means anything. */
export const shellWord = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The script for groups, as chosen, into a folder; one that begins with ~/ is in the home folder. */
export function shellScript(groups, folder) {
  const count = groups.flatMap(movedOf).length;
  const place = folder.startsWith("~/") ? `"$HOME"/${shellWord(folder.slice(2))}` : shellWord(folder);
  const about = [
    "#!/bin/sh",
    `# Moves ${counted(count, "file")} of ${counted(groups.length, "group")} of copies into a folder.`,
    "# With -n it only says which. Nothing is deleted and nothing replaced. What is moved is written down before,",
    "# in a script in that folder that moves it back.",
    `folder=${place}`,
  ];
  return [...about, HEAD, ...groups.map(linesOf), TAIL].join("\n");
}

function linesOf(group) {
  const moves = movedOf(group).map(({ path, bytes }) => `move ${shellWord(path)} ${bytes} "$@"`);
  return [`set -- ${pathsKept(group).map(shellWord).join(" ")}`, ...moves].join("\n");
}
