// The same for PowerShell, of Windows and of any other system.

import { movedOf, pathsKept } from "./choices.js";
import { counted } from "./words.js";

const HEAD = `$ErrorActionPreference = 'Stop'
$folder = [IO.Path]::GetFullPath([IO.Path]::Combine($PWD.ProviderPath, $folder))
$utf8 = New-Object System.Text.UTF8Encoding $true
$script:undo = $null
$script:moved = 0
$script:left = 0

function Skip-Copy([string]$file, [string]$why) {
  $script:left++
  [Console]::Error.WriteLine("left where it is, \${why}: $file")
}

function Get-Word([string]$text) {
  "'" + [regex]::Replace($text, "['\\u2018\\u2019\\u201A\\u201B]", '$0$0') + "'"
}

function Start-Moving {
  [void][IO.Directory]::CreateDirectory($folder)
  $script:undo = [IO.Path]::Combine($folder, "move-back-$(Get-Date -Format yyyyMMdd-HHmmss)-$PID.ps1")
  [IO.File]::WriteAllText($script:undo, @'
# Moves back what was moved here. Nothing is replaced.
function Move-Back([string]$from, [string]$to) {
  if (-not [IO.File]::Exists($to)) { return }
  if ([IO.File]::Exists($from) -or [IO.Directory]::Exists($from)) {
    [Console]::Error.WriteLine("left in the folder, something has its place: $from")
    return
  }
  [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($from))
  [IO.File]::Move($to, $from)
}

'@, $utf8)
}

# Moves a file, if one that is kept of its group is there.
function Move-Copy([string]$file, [long]$bytes, [string[]]$kept) {
  if (-not ($kept | Where-Object { [IO.File]::Exists($_) })) {
    Skip-Copy $file 'nothing that is kept of its group is there'; return
  }
  $facts = New-Object IO.FileInfo $file
  if (-not $facts.Exists) { Skip-Copy $file 'there is no such file any more'; return }
  if ($facts.Attributes -band [IO.FileAttributes]::ReparsePoint) { Skip-Copy $file 'it is a link'; return }
  if ($facts.Length -ne $bytes) { Skip-Copy $file 'it has changed'; return }
  if ($OnlySay) { $script:moved++; $file; return }
  if (-not $script:undo) { Start-Moving }
  $name = [IO.Path]::GetFileName($file)
  $to = [IO.Path]::Combine($folder, $name)
  for ($number = 2; [IO.File]::Exists($to) -or [IO.Directory]::Exists($to); $number++) {
    $to = [IO.Path]::Combine($folder, "$number $name")
  }
  [IO.File]::AppendAllText($script:undo, "Move-Back $(Get-Word $file) $(Get-Word $to)\`n", $utf8)
  try {
    [IO.File]::Move($file, $to)
    $script:moved++
  } catch {
    Skip-Copy $file 'it cannot be moved'
  }
}
`;

const TAIL = `
$verb = if ($OnlySay) { 'would be moved' } else { 'moved' }
"$($script:moved) files $verb to $folder, $($script:left) left"
if ($script:undo) { "To move them back: run $($script:undo)" }
`;

/** A word of PowerShell that stands for a text: it takes typographic quotes for single quotes, too. */
export const powershellWord = (text) => `'${text.replace(/['\u2018\u2019\u201A\u201B]/g, "$&$&")}'`;

/** The script for groups, as chosen, into a folder. It begins with the mark without which Windows does not read UTF-8. */
export function powershellScript(groups, folder) {
  const count = groups.flatMap(movedOf).length;
  const place = folder.startsWith("~/")
    ? `[IO.Path]::Combine($HOME, ${powershellWord(folder.slice(2))})`
    : powershellWord(folder);
  const about = [
    `# Moves ${counted(count, "file")} of ${counted(groups.length, "group")} of copies into a folder.`,
    "# With -OnlySay it only says which. Nothing is deleted and nothing replaced. What is moved is written down before,",
    "# in a script in that folder that moves it back.",
    "param([switch]$OnlySay)",
    `$folder = ${place}`,
  ];
  return "\uFEFF" + [...about, HEAD, ...groups.map(linesOf), TAIL].join("\n");
}

function linesOf(group) {
  const moves = movedOf(group).map(({ path, bytes }) => `Move-Copy ${powershellWord(path)} ${bytes} $kept`);
  return [`$kept = @(${pathsKept(group).map(powershellWord).join(", ")})`, ...moves].join("\n");
}
