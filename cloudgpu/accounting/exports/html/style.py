"""The look of the report: one column, light or dark as the reader's system is, colours that differ in lightness too."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1b1f24; --soft: #57606a; --rule: #d8dee4; --card: #f6f8fa;
  --gpu: #0b62d6; --disk: #d97706; --disk-stopped: #92400e; --download: #0f9d76; --upload: #7c3aed; --fee: #be123c;
  --double-run: #0b62d6; --rollback-window: #d97706; --failed-try: #be123c; --serving: #0f9d76; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --ink: #e6edf3; --soft: #9198a1; --rule: #30363d;
  --card: #151b23; --gpu: #58a6ff; --disk: #f0a742; --disk-stopped: #c26a1a; --download: #3fc79a; --upload: #b392f0;
  --fee: #ff7b93; --double-run: #58a6ff; --rollback-window: #f0a742; --failed-try: #ff7b93; --serving: #3fc79a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 800px; padding: 24px 20px 48px; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 4px; } h2 { font-size: 1.1rem; margin: 36px 0 8px; }
p { margin: 6px 0; } .soft { color: var(--soft); font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 10px; margin: 18px 0; }
.figures div { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.figures b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: .85rem; }
.alarm { border-left: 4px solid var(--fee); padding: 6px 12px; background: var(--card); }
svg { display: block; max-width: 100%; height: auto; } svg.w340 { display: none; }
@media (max-width: 760px) { svg.w340 { display: block; } svg.w720 { display: none; } }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); } svg text.label { font-size: 13px; fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; } .mark { stroke: var(--soft); stroke-dasharray: 3 3; }
.dot { fill: var(--soft); } .burn { fill: none; stroke: var(--gpu); stroke-width: 2; }
.gpu { fill: var(--gpu); } .disk { fill: var(--disk); } .disk_stopped { fill: var(--disk-stopped); }
.download { fill: var(--download); } .upload { fill: var(--upload); } .fee { fill: var(--fee); }
.double_run { fill: var(--double-run); } .rollback_window { fill: var(--rollback-window); }
.failed_try { fill: var(--failed-try); } .serving { fill: var(--serving); }
.key { display: flex; flex-wrap: wrap; gap: 4px 14px; list-style: none; padding: 0; margin: 6px 0; font-size: .85rem; }
.key svg { display: inline-block; vertical-align: -1px; }
details { margin: 6px 0; } summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; width: 100%; }
th, td { padding: 4px 8px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap;
  font-variant-numeric: tabular-nums; } th:first-child, td:first-child, .words { text-align: left; }
td.long { white-space: normal; min-width: 9rem; }
@media (max-width: 560px) { .stacked thead { display: none; } .stacked tr, .stacked td { display: block; }
  .stacked tr { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 6px 10px;
    margin: 8px 0; }
  .stacked td { display: flex; justify-content: space-between; gap: 16px; border: 0; padding: 2px 0;
    text-align: right; white-space: normal; }
  .stacked td::before { content: attr(data-of); color: var(--soft); text-align: left; white-space: nowrap; }
  .stacked td:first-child { font-weight: 600; } }
"""
