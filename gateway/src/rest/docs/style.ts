/** Style of the pages: readable at any width, light and dark, nothing loaded from elsewhere. */
export const STYLE = `
:root { --ink: #16202b; --soft: #52606d; --line: #dde3ea; --paper: #fff; --tint: #f4f7fa; --accent: #0b6e6e; --dark: #14212e;
  --get: #0b6e6e; --post: #7a4b00; --patch: #5b3a9e; --delete: #a1262a; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ecf2; --soft: #a3b1bf; --line: #2b3947; --paper: #101820;
  --tint: #17222d; --accent: #5ad0c4; --dark: #0a1118; --get: #5ad0c4; --post: #f0b35a; --patch: #b79cf2; --delete: #f28b8e; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; font: 16px/1.6 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", sans-serif; color: var(--ink);
  background: var(--paper); }
a { color: var(--accent); }
a:focus-visible, pre:focus-visible, summary:focus-visible, label:focus-within { outline: 2px solid var(--accent); outline-offset: 2px; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
:not(pre) > code { background: var(--tint); border: 1px solid var(--line); border-radius: 4px; padding: .05em .35em; overflow-wrap: anywhere; }
@media (min-width: 52rem) { td:first-child > code { white-space: nowrap; } }
.shell { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 90rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 2rem 1.5rem;
  border-right: 1px solid var(--line); font-size: .9rem; }
nav .brand { font-weight: 700; font-size: 1.05rem; display: block; color: var(--ink); text-decoration: none; }
nav .version { color: var(--soft); font-size: .82rem; }
nav h2 { font-size: .74rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 1.4rem 0 .3rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: block; padding: .16rem 0; color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav li a:hover { color: var(--accent); text-decoration: underline; }
main { padding: 2rem 2.5rem 6rem; min-width: 0; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2.part { font-size: 1.5rem; margin: 3.5rem 0 .4rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.15rem; margin: 0; }
h4 { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; color: var(--soft); margin: 1.2rem 0 .35rem; }
p { margin: .5rem 0; max-width: 46rem; }
.lead { font-size: 1.1rem; color: var(--soft); }
.operation { padding: 1.6rem 0 1rem; border-top: 1px solid var(--line); }
.operation .route { display: flex; flex-wrap: wrap; gap: .5rem; align-items: baseline; margin: .25rem 0 .3rem; }
.operation .route code { background: none; border: 0; padding: 0; font-size: .95rem; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2rem; align-items: start; }
.columns > div { min-width: 0; }
.method { font: 700 .74rem/1 ui-monospace, Menlo, Consolas, monospace; color: #fff; background: var(--get); border-radius: 4px;
  padding: .28rem .45rem; }
.method.post { background: var(--post); } .method.patch { background: var(--patch); } .method.delete { background: var(--delete); }
@media (prefers-color-scheme: dark) { .method { color: #0a1118; } }
.chip { display: inline-block; font-size: .78rem; border: 1px solid var(--line); border-radius: 999px; padding: .05rem .6rem; color: var(--soft); }
.fields { border: 1px solid var(--line); border-radius: 8px; margin: 0; padding: 0; list-style: none; }
.fields li { padding: .5rem .8rem; border-top: 1px solid var(--line); font-size: .93rem; }
.fields li:first-child { border-top: 0; }
.fields .name { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .86rem; font-weight: 600; overflow-wrap: anywhere; }
.fields .type { color: var(--soft); font-size: .82rem; margin-left: .4rem; }
.fields .required { color: var(--delete); font-size: .76rem; margin-left: .4rem; }
.fields .fields { margin: .5rem 0 .2rem; }
.fields p { margin: .15rem 0 0; }
.code { background: var(--dark); color: #e6edf3; border-radius: 8px; padding: .9rem 1rem; overflow-x: auto; margin: .4rem 0 .9rem; line-height: 1.5; }
.tabs { margin: .2rem 0; }
.tabs > input { position: absolute; opacity: 0; pointer-events: none; }
.tabs > label { display: inline-block; cursor: pointer; font-size: .82rem; padding: .15rem .7rem; border: 1px solid var(--line);
  border-radius: 6px; margin-right: .3rem; color: var(--soft); }
.tabs > .pane { display: none; }
.tabs > input:nth-of-type(1):checked ~ .pane:nth-of-type(1), .tabs > input:nth-of-type(2):checked ~ .pane:nth-of-type(2) { display: block; }
.tabs > input:nth-of-type(1):checked ~ label:nth-of-type(1), .tabs > input:nth-of-type(2):checked ~ label:nth-of-type(2) {
  color: var(--accent); border-color: var(--accent); font-weight: 600; }
.tabs > input:focus-visible + label { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: .6rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem .45rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .82rem; }
.scroll { overflow-x: auto; }
.note { border-left: 3px solid var(--accent); background: var(--tint); padding: .6rem 1rem; border-radius: 0 8px 8px 0; max-width: 46rem; }
summary { cursor: pointer; color: var(--accent); font-size: .92rem; margin-top: .6rem; }
.single { max-width: 46rem; margin: 0 auto; padding: 3rem 1.5rem; }
@media (max-width: 75rem) { .columns { grid-template-columns: minmax(0, 1fr); gap: .5rem; } }
@media (max-width: 52rem) { .shell { grid-template-columns: minmax(0, 1fr); }
  nav { position: static; max-height: none; border-right: 0; border-bottom: 1px solid var(--line); padding: 1rem 1.2rem; }
  thead { display: none; } tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: .15rem 0; } nav .wide { display: none; } main { padding: 1.2rem 1.2rem 4rem; } h1 { font-size: 1.6rem; } }
@media print { nav { display: none; } .shell { display: block; } .code { white-space: pre-wrap; } }
`;
