/*
 * The checklist: what has gone wrong in other servers, by line, and the numbers that it went by. Each line has a row in
 * docs/security.md, which says what we do about it and where that is tested.
 */

/** Lines of framing (F), resources (D), crashes and state (C), and output (O), each with its numbers. */
export const CHECKLIST: Readonly<Record<string, readonly string[]>> = {
  F1: ['CVE-2019-15605', 'CVE-2020-8287', 'CVE-2024-1135', 'CVE-2024-6827'],
  F2: [
    'CVE-2022-32213',
    'CVE-2022-32214',
    'CVE-2022-32215',
    'CVE-2022-35256',
    'CVE-2023-30589',
    'CVE-2019-16785',
    'CVE-2021-41136',
  ],
  F3: ['CVE-2021-22959', 'CVE-2019-16789', 'GO-2022-0212'],
  F4: ['CVE-2024-27982'],
  F5: ['CVE-2025-23167'],
  F6: ['hackerone 3723248'],
  F7: ['llhttp issue 877'],
  F8: ['CVE-2022-24761', 'CVE-2023-47627', 'CVE-2023-38697'],
  F9: ['CVE-2023-40175', 'CVE-2023-40225'],
  F10: ['CVE-2025-22871', 'CVE-2021-22960', 'CVE-2025-43859'],
  F11: ['CVE-2025-58068', 'CVE-2023-41419', 'CVE-2025-53643'],
  F12: ['CVE-2024-49768'],
  F13: ['CVE-2024-41671', 'CVE-2023-46137'],
  F14: ['CVE-2026-58044'],
  F15: ['CVE-2026-48710', 'CVE-2023-45539'],
  F16: [],
  F17: [],
  D1: ['CVE-2018-12122', 'CVE-2019-5737', 'CVE-2019-5739'],
  D2: ['CVE-2018-12121'],
  D3: ['CVE-2024-22019', 'CVE-2023-39326', 'CVE-2024-21647'],
  D4: ['CVE-2025-69229'],
  D5: ['CVE-2026-22815', 'CVE-2022-41717'],
  D6: ['CVE-2025-67725', 'CVE-2026-21717'],
  D7: ['CVE-2013-4450', 'CVE-2021-29509'],
  D8: ['CVE-2026-25224'],
  D9: ['CVE-2024-49769', 'CVE-2022-31015'],
  D10: [],
  D11: [
    'CVE-2024-52804',
    'CVE-2025-67726',
    'CVE-2026-31958',
    'CVE-2025-69228',
    'CVE-2025-47287',
    'CVE-2020-5236',
    'CVE-2021-32640',
    'CVE-2025-25200',
  ],
  D12: ['CVE-2024-22025', 'CVE-2025-69223', 'CVE-2026-49855'],
  D13: ['CVE-2011-3192', 'CVE-2017-7529'],
  D14: [],
  C1: ['CVE-2026-21710'],
  C2: ['CVE-2024-37890'],
  C3: ['CVE-2026-21637', 'CVE-2026-48928'],
  C4: ['CVE-2025-59466'],
  C5: ['CVE-2022-39288', 'CVE-2026-25223', 'CVE-2026-3419'],
  C6: ['CVE-2022-24434'],
  C7: [],
  C8: [],
  O1: ['CVE-2016-2216', 'CVE-2020-7695', 'CVE-2018-1000164', 'CVE-2025-67724'],
  O2: ['CVE-2020-7694'],
  O3: [],
  O4: [],
}

/** A row of the page. */
export interface Row {
  readonly line: string
  /** The whole row. */
  readonly text: string
  /** Test files that it names, from the root of the project. */
  readonly files: readonly string[]
  /** What it says is not ours yet; empty where nothing is said. */
  readonly notYet: string
}

/** @returns the rows of the page's tables that begin with a line of the checklist */
export function rowsOf(page: string): Row[] {
  return page
    .split('\n')
    .map((text) => ({ text, line: /^\| ([FDCO]\d+) \|/.exec(text)?.[1] }))
    .filter((row): row is { text: string; line: string } => row.line !== undefined)
    .map(({ text, line }) => ({
      line,
      text,
      files: [...text.matchAll(/\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, path]) => path as string),
      notYet: /Not ours yet: ([^|]+)\|/.exec(text)?.[1]?.trim() ?? '',
    }))
}

/**
 * What is wrong with the page and with the tests that it names.
 *
 * @param read - the text of a test file; undefined where there is none
 */
export function gapsOf(page: string, read: (path: string) => string | undefined): string[] {
  const rows = rowsOf(page)
  const gaps: string[] = []
  for (const [line, numbers] of Object.entries(CHECKLIST)) {
    const own = rows.filter((row) => row.line === line)
    const [row] = own
    if (row === undefined || own.length > 1) {
      gaps.push(`${line}: ${own.length} rows`)
      continue
    }
    if (row.files.length === 0 && row.notYet === '') gaps.push(`${line}: neither tested nor said to be not ours yet`)
    const texts = row.files.map((path) => {
      const text = read(path)
      if (text === undefined) gaps.push(`${line}: there is no ${path}`)
      // In the name of a test or of a group of tests, not in passing.
      else if (!new RegExp(`['"\`(][^\\n'"\`]*\\b${line}\\b`).test(text)) gaps.push(`${line}: not named in ${path}`)
      return text ?? ''
    })
    for (const number of numbers) {
      if (!row.text.includes(number)) gaps.push(`${line}: ${number} is not in its row`)
      if (!row.notYet.includes(number) && !texts.some((text) => text.includes(number)))
        gaps.push(`${line}: no test names ${number}`)
    }
  }
  for (const { line } of rows) if (!(line in CHECKLIST)) gaps.push(`${line}: no line of the checklist`)
  return gaps
}
