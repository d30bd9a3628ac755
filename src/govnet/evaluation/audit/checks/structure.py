"""STR: parts, numbering, sign-offs, residue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from govnet.evaluation.audit.document import Cell, Span
from govnet.evaluation.audit.registry import Finder, Finding, Severity, check
from govnet.evaluation.audit.report import Report, Section

_PROBLEM_WORDS = re.compile(r"(问题|不足|困难|欠缺|薄弱|滞后|有待|不够|短板|偏差|未能)")
_COVER = ("项目名称", "项目单位", "主管部门", "报告日期")
_KNOWN_TITLES = r"[一二三四五六七八九十]、[^。,;\n]{0,12}(?:评价|绩效|概况|情况|结论|经验|建议)"
_RESIDUE = re.compile(
    r"参考模板|[(]\d+字(?:以内|左右)[)]|20[xX*]{2}年|指标\d+:?[.…]{2,}|[*]{2,}(?:单位|项目|局)"
)


@check("STR-01", "编号", "Numbering", Severity.MINOR)
def numbering(report: Report, finding: Finder) -> Iterator[Finding]:
    """Parts of one style count up by one; another style in the same row of parts is told."""
    for before, after in pairwise(report.sections):
        if after.style != before.style and after.number == before.number + 1:
            yield finding("编号体例前后不一。", before.title, after.title)
    yield from _inner_numbers(report, finding)


def _inner_numbers(report: Report, finding: Finder) -> Iterator[Finding]:
    for section in report.sections:
        found = [
            (int(match[1]), _line(section, match))
            for match in re.finditer(
                r"(?m)^[ \t\u3000]*(\d{1,2})、.*$", report.document.quote(section.body)
            )
        ]
        for (number, line), (following, after) in pairwise(found):
            if following > number + 1:
                yield finding("编号跳号。", line, after, arithmetic=f"{number} → {following}")


def _line(section: Section, match: re.Match[str]) -> Span:
    text = match[0]
    start = section.body.start + match.start() + len(text) - len(text.lstrip())
    return Span(start, section.body.start + match.end())


@check("STR-02", "文字错位", "Spliced text")
def spliced(report: Report, finding: Finder) -> Iterator[Finding]:
    """A numbered heading in the middle of a sentence: text before it does not end."""
    for paragraph in report.document.paragraphs:
        for match in re.finditer(_KNOWN_TITLES, paragraph.text):
            before = paragraph.text[: match.start()].strip()
            # A compressed paragraph may hold 「一、…。二、…」; that is layout, not splicing.
            if before and re.search(r"[一-鿿]$", before) and not _is_list_word(before):
                yield finding("标题插入句中，文字错位。", paragraph, *_next(report, paragraph))


def _is_list_word(text: str) -> bool:
    return bool(re.search(r"(第|之|其|附件|表|包|共|和|及|同|上述|以下|按照)$", text))


def _next(report: Report, paragraph: Cell) -> list[Cell]:
    """The paragraph that holds the torn-off rest: the next that begins in mid-sentence."""
    later = [p for p in report.document.paragraphs if p.span.start > paragraph.span.end]
    rest = next((p for p in later if re.match(r"^[级和与及的、，,]", p.text)), None)
    return [rest] if rest else []


@check("STR-03", "缺必备部分", "Required part missing")
def required_parts(report: Report, finding: Finder) -> Iterator[Finding]:
    """The cover's fields, and problems where a part promises 「存在问题」."""
    if not report.sections:
        return
    missing = [name for name in _COVER if name not in report.fields]
    if len(missing) == len(_COVER):
        first = report.sections[0].title
        yield finding(f"缺封面要素：{'、'.join(missing)}。", first)
    for index, section in enumerate(report.sections):
        if "问题" not in section.title.squeezed:
            continue
        last = report.sections[index + 1 :]
        body = Span(
            section.body.start, min((s.title.span.start for s in last), default=section.body.end)
        )
        if not _PROBLEM_WORDS.search(report.document.quote(body)):
            yield finding("该部分没有写存在的问题。", section.title)


@check("STR-04", "模板残留", "Template residue")
def residue(report: Report, finding: Finder) -> Iterator[Finding]:
    """Words that only a blank template has."""
    for _, span in report.document.squeezed.finditer(_RESIDUE):
        yield finding("模板文字没有删除或没有填写。", span)


@check("STR-05", "签章缺失", "Sign-off missing")
def sign_offs(report: Report, finding: Finder) -> Iterator[Finding]:
    """All sign-offs blank is one finding; published copies often drop some, so some is not."""
    if len(report.sign_offs) >= 2 and all(place.is_blank for place in report.sign_offs):
        unsigned = [e.name for e in report.evaluators if e.signature and not e.signature.text]
        extra = f"，{len(unsigned)} 名评价人员未签字" if unsigned else ""
        yield finding(
            f"{len(report.sign_offs)} 处签字、意见和日期全部空白{extra}。",
            *(Span(place.label.span.start, place.label.span.end) for place in report.sign_offs),
        )


@check("STR-06", "附件缺失", "Attachment missing")
def attachment(report: Report, finding: Finder) -> Iterator[Finding]:
    """「明细附后」 with nothing after it: no further amounts anywhere in the spending detail."""
    for line in report.spending:
        promised = re.search(r"附后|见附[件表]|详见附", line.content.squeezed)
        if promised and len(report.spending) == 1 and not _has_annex(report):
            places = [report.spending_total.span] if report.spending_total else []
            yield finding("支出明细称附后，但没有附。", line.content, *places)


def _has_annex(report: Report) -> bool:
    return bool(report.document.squeezed.find(r"附[件表]\d*[:、]?[^。]{0,12}(?:明细|清单)"))


@check("STR-07", "字段空白", "Field blank", Severity.MINOR)
def blank_fields(report: Report, finding: Finder) -> Iterator[Finding]:
    """A labelled field of the cover without a value; all fund sources empty beside a total."""
    for name in ("项目单位", "主管部门", "项目负责人", "报告日期"):
        label_value = report.fields.get(name)
        if label_value and not label_value[1].text:
            yield finding(f"“{name}”没有填写。", label_value[0])
    if (
        report.source_labels
        and report.funds
        and all(source == "total" for _, source in report.funds)
    ):
        yield finding("资金来源各行都没有填写。", report.source_labels[0])
    address = report.fields.get("项目地址")
    if address and _is_office_name(address[1].squeezed):
        yield finding("项目地址填的是单位名称，不是地址。", address[1])


def _is_office_name(text: str) -> bool:
    return bool(re.search(r"(?:局|委员会|办公室|政府)$", text)) and not re.search(
        r"\d|[路街道巷号楼栋村组]", text.replace("街道办", "")
    )


_DIGITS = {"两": 2, "二": 2, "三": 3, "四": 4, "五": 5}
_LEVEL = r"(?:政府|省|市|州|县|区|县市区|乡镇|乡|镇|街道|村|社区)(?:[(][^()]{1,6}[)])?"
_LEVELS = re.compile(rf"({_LEVEL}(?:[、-]{_LEVEL})+)([两二三四五])级")


@check("STR-08", "文字缺陷", "Text defect", Severity.MINOR)
def text_defects(report: Report, finding: Finder) -> Iterator[Finding]:
    """Words that cancel, doubled punctuation, 「甲、乙三级」 that names two levels."""
    for match, span in report.document.squeezed.finditer(_LEVELS):
        named = len(re.split("[、-]", match[1]))
        if named < _DIGITS[match[2]]:
            yield finding("所列层级与级数不符。", span, arithmetic=f"{named} ≠ {_DIGITS[match[2]]}")
    for _, span in report.document.squeezed.finditer(
        r"[\w]{0,3}已未[\w]{2}|[。，；]{2,}|[。,;]{2,}"
    ):
        yield finding("文字缺陷。", span)


@check("STR-09", "指标体系未个性化", "Indicator system left generic", Severity.MINOR)
def generic_indicators(report: Report, finding: Finder) -> Iterator[Finding]:
    """The reference table used as it is although its own note asks to refine it."""
    squeezed = report.document.squeezed
    sample = squeezed.find(r"评价指标体系[(]参考样表[)]")
    note = squeezed.find(r"进一步完善、量化、细化个性指标")
    if sample and note and report.items:
        yield finding("备注要求细化个性指标，实际原样使用参考样表。", sample[1], note[1])
    long_term = squeezed.find(r"(?:本)?(?:项目)?长期绩效目标")
    if long_term and report.period and report.period.months <= 12:
        yield finding(
            "起止时间不超过一年的项目写成长期目标，请说明项目性质。",
            report.period.cell,
            long_term[1],
            severity=Severity.QUERY,
        )
