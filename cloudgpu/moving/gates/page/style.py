"""The look of the pages: light or dark as the reader's system is; on a phone each check is a small list of its own."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2128;--soft:#5c6670;--line:#d9dee3;--page:#fff;--card:#f5f7f9;
--pass:#1a7f4b;--fail:#c0312b;--inconclusive:#9a6700;--not_judged:#5c6670}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#98a2ad;--line:#39414a;--page:#14181d;--card:#1d2329;
--pass:#4cc38a;--fail:#ff7b72;--inconclusive:#e3b341;--not_judged:#98a2ad}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}h1{font-size:26px;line-height:1.25;margin:0 0 4px}
h1 span{color:var(--soft);font-weight:400}h2{font-size:19px;margin:36px 0 10px}h3{font-size:15px;margin:0}
.models{color:var(--soft);margin:0 0 18px}.models b{font-weight:600;color:var(--ink);margin-left:12px}
.models b:first-child{margin-left:0}.verdict{border-left:5px solid;padding:12px 16px;background:var(--card);
border-radius:4px;color:var(--ink)}.verdict b{text-transform:uppercase;margin-right:8px}
.verdict.pass{border-color:var(--pass)}.verdict.fail{border-color:var(--fail)}
.verdict.inconclusive,.verdict.not_judged{border-color:var(--inconclusive)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);font-size:13px;text-align:left}
th,td{padding:6px 10px 6px 0;border-top:1px solid var(--line);vertical-align:top;
overflow-wrap:break-word}thead th{border-top:0}
th:last-child,td:last-child{padding-right:0}.n{text-align:right}td.n{white-space:nowrap}td.folds{white-space:normal}
.loads td.n:last-child{font-weight:600}
tr.why td{border-top:0;padding-top:0;color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.mark{font-weight:600;white-space:nowrap}.mark.pass{color:var(--pass)}.mark.fail{color:var(--fail)}
.mark.inconclusive{color:var(--inconclusive)}.mark.not_judged{color:var(--not_judged);font-weight:400}
.bar{width:160px;height:16px;display:block;margin-top:3px}.bar .one{stroke:var(--soft)}
.bar .limit{stroke:var(--soft);stroke-dasharray:2 2}.bar.pass{fill:var(--pass)}.bar.fail{fill:var(--fail)}
.bar.inconclusive{fill:var(--inconclusive)}.bar.not_judged{fill:var(--not_judged)}.bar rect{opacity:.35}
section{border-top:1px solid var(--line);padding:14px 0}.q{margin:2px 0 8px;color:var(--soft);white-space:pre-wrap}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}.pair p{margin:0 0 4px}
pre{margin:0;padding:10px 12px;background:var(--card);border-radius:4px;white-space:pre-wrap;
font:14px/1.45 ui-monospace,monospace;max-height:24em;overflow:auto}.pair ul{margin:6px 0 0;padding-left:18px;
color:var(--fail);font-size:13px}.hint{color:var(--soft);font-weight:400;font-size:13px;margin-left:8px}
summary{cursor:pointer;padding:14px 0;color:var(--soft);border-top:1px solid var(--line)}
@media (max-width:720px){.pair{grid-template-columns:minmax(0,1fr)}td,th{padding-right:8px;font-size:14px}
.gates thead{display:none}.gates tr{display:grid;grid-template-columns:auto 1fr auto;gap:0 10px;
border-top:1px solid var(--line);padding-top:8px}.gates tr.why{display:block;border-top:0;padding:0 0 8px}
.gates td{border-top:0;padding:0}.gates .gate{color:var(--soft)}.gates .name{font-weight:600}
.gates .n,.gates .drawn{grid-column:1/-1}.gates .n{display:flex;justify-content:space-between;gap:10px}
.gates .n::before{content:attr(data-of);color:var(--soft)}
.gates .none,.gates tr.why .gate,.gates .drawn:empty{display:none}.gates .drawn{order:1}.bar{margin:6px auto}}
"""
