"""Chinese surnames that a reader, or a reading table, gets wrong: of two characters, or with more than one sound."""

from collections.abc import Mapping

COMPOUND: tuple[str, ...] = (
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "夏侯", "轩辕", "宇文",
    "长孙", "端木", "独孤", "南宫", "西门", "东郭", "百里", "呼延", "闻人", "单于", "万俟", "澹台", "濮阳", "公冶",
    "太史", "申屠", "赫连", "钟离", "淳于", "鲜于", "闾丘", "司空", "公羊", "拓跋", "完颜", "纳兰", "第五", "宗政",
)  # fmt: skip

POLYPHONIC: Mapping[str, tuple[str, ...]] = {
    "单": ("shan", "dan"),
    "曾": ("zeng", "ceng"),
    "解": ("xie", "jie"),
    "仇": ("qiu", "chou"),
    "区": ("ou", "qu"),
    "查": ("zha", "cha"),
    "盖": ("ge", "gai"),
    "朴": ("piao", "pu"),
    "乐": ("yue", "le"),
    "尉": ("wei", "yu"),
    "员": ("yun", "yuan"),
    "召": ("shao", "zhao"),
    "折": ("she", "zhe"),
    "种": ("chong", "zhong"),
    "秘": ("bi", "mi"),
    "翟": ("zhai", "di"),
    "覃": ("qin", "tan"),
    "繁": ("po", "fan"),
    "冼": ("xian", "xi"),
    "洗": ("xian", "xi"),
    "缪": ("miao", "mou"),
    "宓": ("mi", "fu"),
    "那": ("na", "nuo"),
    "黑": ("he", "hei"),
    "盛": ("sheng", "cheng"),
    "石": ("shi", "dan"),
    "牟": ("mou", "mu"),
    "沈": ("shen", "chen"),
    "谌": ("chen", "shen"),
    "卜": ("bu", "bo"),
    "车": ("che", "ju"),
    "炅": ("gui", "jiong"),
    "郇": ("xun", "huan"),
    "祭": ("zhai", "ji"),
    "阚": ("kan", "han"),
    "隗": ("wei", "kui"),
    "晟": ("cheng", "sheng"),
    "佴": ("nai", "er"),
    "句": ("gou", "ju"),
    "强": ("qiang", "jiang"),
    "褚": ("chu", "zhu"),
    "藏": ("zang", "cang"),
    "逄": ("pang", "feng"),
    "单于": ("chan yu", "shan yu"),
    "万俟": ("mo qi", "wan si"),
    "尉迟": ("yu chi", "wei chi"),
    "澹台": ("tan tai", "dan tai"),
    "长孙": ("zhang sun", "chang sun"),
}
"""Surname to its readings, the right one first, then the one that a clerk or a table is likely to write."""

GIVEN: Mapping[str, tuple[str, ...]] = {
    "乐": ("le", "yue"),
    "茜": ("qian", "xi"),
    "晟": ("sheng", "cheng"),
    "朝": ("chao", "zhao"),
    "行": ("xing", "hang"),
    "重": ("zhong", "chong"),
    "长": ("chang", "zhang"),
    "曾": ("zeng", "ceng"),
    "传": ("chuan", "zhuan"),
    "调": ("tiao", "diao"),
    "参": ("can", "shen"),
    "珏": ("jue", "yu"),
    "莘": ("xin", "shen"),
    "弹": ("tan", "dan"),
    "缪": ("miu", "mou"),
    "柏": ("bai", "bo"),
    "薄": ("bo", "bao"),
    "藏": ("zang", "cang"),
    "盛": ("sheng", "cheng"),
}
"""Characters of given names that families read in more than one way."""


def surname_of(name: str) -> str:
    """The surname at the head of a Chinese name: two characters where it is a known compound and something follows."""
    return name[:2] if len(name) > 2 and name[:2] in COMPOUND else name[:1]
