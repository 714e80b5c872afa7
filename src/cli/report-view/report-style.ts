/** Of the report's page: no script, no font, no picture from anywhere. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1d2329; --soft: #5b6670; --line: #dfe3e6;
  --good: #1a7f4b; --bad: #b3261e; --busy: #1f6fb2; --bad-soft: #fdf0ee;
  --queue: #c9ced3; --setup: #e2a23b; --run: #3b7dd8; --cleanup: #9b8ac4; --run-bad: #c8453b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181c; --card: #1c2227; --ink: #e7eaec; --soft: #9aa6af; --line: #333c44;
    --good: #5cc28d; --bad: #ff8a7d; --busy: #78b7f2; --bad-soft: #2f2020;
    --queue: #57626b; --setup: #d99a35; --run: #4d8fe6; --cleanup: #8b7abf; --run-bad: #d9574c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1.25rem 0 .5rem; font-weight: 600; }
h3 span, .soft { color: var(--soft); font-weight: 400; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem; margin-top: 1rem; }
a { color: var(--busy); overflow-wrap: anywhere; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86em; overflow-wrap: anywhere; }
.word { display: inline-block; font-weight: 600; border: 1px solid currentColor; border-radius: 99px; padding: 0 .7em; font-size: .9rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .busy { color: var(--busy); }
.head { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .9rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.why { background: var(--bad-soft); border-color: var(--bad); }
.why p { margin-bottom: 0; } .why ol { margin: 0; padding-left: 1.4rem; } .why li { margin: .5rem 0; }
li, .then, .soft { overflow-wrap: anywhere; }
details { margin-top: .3rem; } summary { cursor: pointer; color: var(--soft); }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; overflow: auto; max-height: 24rem; white-space: pre-wrap; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 0; padding: 0; list-style: none; color: var(--soft); font-size: .88rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-right: .4rem; vertical-align: -.08rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .22rem .9rem .22rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; font-weight: 400; }
thead th { color: var(--soft); font-size: .82rem; }
tr:last-child > * { border-bottom: 0; }
.timeline { table-layout: fixed; margin-top: .6rem; } .timeline + .timeline { margin-top: 1.2rem; } .timeline th:first-child { width: 26%; overflow-wrap: anywhere; }
.timeline .phase { width: 9.5rem; } .timeline .took { width: 5.5rem; padding-right: 0; text-align: right; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1rem; background: var(--page); border-radius: 4px; overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; }
.queue { background: var(--queue); } .setup { background: var(--setup); } .run { background: var(--run); } .cleanup { background: var(--cleanup); }
.failed .run { background: var(--run-bad); }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem; }
.then { margin: .6rem 0 0; color: var(--soft); }
footer { color: var(--soft); font-size: .85rem; margin-top: 1.5rem; }
@media (max-width: 44rem) {
  .timeline .took, .axis { display: none; } .timeline .phase { width: 6.5rem; padding-right: 0; font-size: .78rem; }
  .timeline th:first-child { width: 32%; }
}
@media print { section { break-inside: avoid-page; } body { background: none; } }
`;
