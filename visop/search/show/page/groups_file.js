// The page that `visop duplicates` writes: its groups are in it.

import { restore } from "./choices.js";
import { $ } from "./dom.js";
import { fileOf } from "./file_facts.js";
import { listenToList, showGroups } from "./group_list.js";
import { listenToScript } from "./script_dialog.js";

const { key, folder, groups } = JSON.parse($("data").textContent);

function groupOf({ closest, loosest, why, pictures }) {
  const files = pictures.flatMap(({ names, image, ...facts }) =>
    names.map((name, at) => ({
      ...fileOf(facts, name),
      same: at > 0,
      image: image && `data:image/webp;base64,${image}`,
    }))
  );
  return { key: files.map(({ name }) => name).join("\n"), closest, loosest, why, files };
}

restore(key);
listenToList();
listenToScript(folder);
showGroups(groups.map(groupOf));
