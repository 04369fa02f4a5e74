#!/usr/bin/env python3
"""Writes template_goldens.json: chat templates and what Jinja2 makes of them, set up as
Transformers sets it up for chat templates.

Needs: pip install jinja2==3.1.6
"""

import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
)
ENVIRONMENT.filters["tojson"] = tojson
ENVIRONMENT.globals["raise_exception"] = raise_exception

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the <b>weather</b> & \"more\"",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3}},
            "required": ["city"],
        },
    },
}
CHAT = [
    {"role": "user", "content": "Hi <there> & you\n"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "And the weather in Zürich? 🙂"},
]
SYSTEM = [{"role": "system", "content": "  Be brief.  "}]
CALL = [
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call00001",
                "type": "function",
                "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call00001", "content": '{"t": 12.5}'},
]

# The one of SmolLM2-135M-Instruct.
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)

# Below, templates that do what those of the named families do, in our words.
LLAMA3 = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{#- The system message comes first, whoever wrote it. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "Tools:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at a time!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("Roles must take turns!") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
            {%- endfor %}
            {{- "] [/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Ids have 9 characters!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- else %}
        {{- raise_exception("No such role: " ~ message.role) }}
    {%- endif %}
{%- endfor %}
"""

QWEN = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content if message.content is string else '' %}
        {%- if '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role }}
        {%- if content %}{{- '\\n' + content }}{%- endif %}
        {%- if loop.index0 > ns.last_query_index and reasoning is defined %}{{- reasoning.strip() }}{%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

GEMMA = """\
{{ bos_token }}
{%- macro turn(role, text='') -%}
<start_of_turn>{{ role }}
{{ text | trim }}<end_of_turn>
{% endmacro %}
{% for message in messages %}
    {% if message.role == 'system' %}
        {% continue %}
    {% endif %}
{{ turn('model' if message.role == 'assistant' else message.role, text=message.content) }}
    {%- if loop.index > 50 %}
        {% break %}
    {% endif %}
{% endfor %}
{% if add_generation_prompt %}
<start_of_turn>model
{% endif %}
"""

# Recursive macros that write JSON schema as Python's types, as Command R's tool_use does.
COMMAND_R = """\
{%- macro python_type(spec) %}
{%- set names = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
{%- if names[spec.type] is defined %}
    {{- names[spec.type] }}
{%- elif spec.type == "array" %}
    {{- "List[" + python_type(spec["items"]) + "]" }}
{%- elif spec.type == "object" %}
    {{- "Dict[str, " ~ (python_type(spec.additionalProperties) if spec.additionalProperties else "Any") ~ "]" }}
{%- elif spec.type is iterable %}
    {{- "Union[" }}
    {%- for t in spec.type %}
        {{- python_type({"type": t}) }}{{ "," if not loop.last }}
    {%- endfor %}
    {{- "]" }}
{%- else %}
    {{- "Any" }}
{%- endif %}
{%- endmacro %}
{{- bos_token }}
{%- if messages[0]["role"] == "system" %}
    {%- set loop_messages = messages[1:] %}
    {%- set preamble = messages[0]["content"] %}
{%- else %}
    {%- set loop_messages = messages %}
    {%- set preamble = "Help." %}
{%- endif %}
{{- "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>" ~ preamble }}
{%- if tools %}
    {{- "\\n## Available Tools\\n" }}
    {%- for tool in tools %}
        {%- if tool.function is defined %}{%- set tool = tool.function %}{%- endif %}
        {{- "```python\\ndef " + tool.name + "(" }}
        {%- for name, fields in tool.parameters.properties.items() %}
            {%- if loop.index0 != 0 %}{{ ", " }}{%- endif %}
            {{- name + ": " }}
            {%- if name not in tool.parameters.required %}
                {{- "Optional[" + python_type(fields) + "] = " ~ (fields.default if fields.default is defined else "None") }}
            {%- else %}
                {{- python_type(fields) }}
            {%- endif %}
        {%- endfor %}
        {{- ") -> List[Dict]:\\n    \\"\\"\\"" + tool.description + "\\"\\"\\"\\n    pass\\n```" }}
        {{- "\\n\\n" if not loop.last }}
    {%- endfor %}
{%- endif %}
{{- "<|END_OF_TURN_TOKEN|>" }}
{%- for message in loop_messages %}
    {%- set content = message["content"] %}
    {%- if message.role == "user" %}
        {{- "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>" + content.strip() + "<|END_OF_TURN_TOKEN|>" }}
    {%- elif message.role == "assistant" and message.tool_calls %}
        {{- "Action:```json\\n[\\n" }}
        {%- for call in message.tool_calls %}
            {{- "{\\"tool_name\\": \\"" + call.function.name + "\\", \\"parameters\\": " + call.function.arguments | tojson(indent=4) + "}" }}
            {{- ",\\n" if not loop.last }}
        {%- endfor %}
        {{- "\\n]```" }}
    {%- elif message.role == "assistant" %}
        {{- "<|CHATBOT_TOKEN|>" + content.strip() }}
    {%- elif message.role in ["tool", "TOOL"] %}
        {{- "<results>\\n" ~ loop.index0 ~ ": " ~ content ~ "</results>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>" }}{%- endif %}
"""

# Channels, TypeScript types and named arguments, as gpt-oss's does.
HARMONY = """\
{%- macro type_of(spec, required, indent=0) -%}
    {%- if spec.type == "array" -%}
        {{- type_of(spec['items'], true) + "[]" }}
    {%- elif spec.type is defined and spec.type is iterable and spec.type is not mapping and spec.type is not string -%}
        {{- spec.type | join(" | ") }}
    {%- elif spec.oneOf -%}
        {%- for variant in spec.oneOf -%}
            {{- type_of(variant, required) -}}
            {%- if not loop.last %}{{ " | " }}{%- endif -%}
        {%- endfor -%}
    {%- elif spec.enum -%}
        {{- '"' + spec.enum | join('" | "') + '"' -}}
    {%- elif spec.type in ("integer", "number") -%}
        number
    {%- elif spec.type == "object" -%}
        {{- "{\\n" -}}
        {%- for name, prop in (spec.properties or {}).items() -%}
            {{- "  " ~ name ~ ("" if name in (spec.required or []) else "?") ~ ": " -}}
            {{- type_of(prop, name in (spec.required or []), indent=indent + 1) -}}
            {{- ", // default: " ~ prop.default if prop.default is defined else "," -}}{{ "\\n" -}}
        {%- endfor -%}
        }
    {%- else -%}
        {{- spec.type or "any" -}}
    {%- endif -%}
{%- endmacro -%}
{%- if reasoning_effort is not defined %}{%- set reasoning_effort = "medium" %}{%- endif %}
{{- "<|start|>system<|message|>Reasoning: " + reasoning_effort + "\\n" }}
{%- if builtin_tools is defined and "python" in builtin_tools %}{{- "python\\n" }}{%- endif %}
{{- "# Valid channels: analysis, commentary, final.<|end|>" }}
{%- if messages[0].role in ["developer", "system"] %}
    {%- set developer_message = messages[0].content %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set developer_message = "" %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if developer_message or tools %}
    {{- "<|start|>developer<|message|>" ~ developer_message }}
    {%- if tools -%}
        {{- "\\nnamespace functions {\\n\\n" }}
        {%- for tool in tools %}
            {%- set tool = tool.function %}
            {{- "// " + tool.description + "\\ntype " + tool.name + " = (_: " + type_of(tool.parameters, true) + ") => any;\\n\\n" }}
        {%- endfor %}
        {{- "} // namespace functions" }}
    {%- endif -%}
    {{- "<|end|>" }}
{%- endif %}
{%- set last_tool_call = namespace(name=none) %}
{%- for message in loop_messages -%}
    {%- if message.role == 'assistant' -%}
        {%- if "tool_calls" in message %}
            {%- set tool_call = message.tool_calls[0].function %}
            {{- "<|start|>assistant to=functions." + tool_call.name + "<|channel|>commentary json<|message|>" }}
            {{- tool_call.arguments|tojson }}{{- "<|call|>" }}
            {%- set last_tool_call.name = tool_call.name %}
        {%- elif loop.last and not add_generation_prompt %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|return|>" }}
        {%- else %}
            {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
            {%- set last_tool_call.name = none %}
        {%- endif %}
    {%- elif message.role == 'tool' -%}
        {%- if last_tool_call.name is none %}{{- raise_exception("No call came before.") }}{%- endif %}
        {{- "<|start|>functions." + last_tool_call.name + " to=assistant<|message|>" + message.content|tojson + "<|end|>" }}
    {%- else -%}
        {{- "<|start|>user<|message|>" + message.content + "<|end|>" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}
"""

# Flags of a namespace that several messages set, as DeepSeek's does.
DEEPSEEK = """\
{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\n\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' in message %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls'] %}{%- if not ns.is_first %}{{'<｜Assistant｜><｜tool▁calls▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] + '\n```json\n' + tool['function']['arguments'] | tojson + '\n```'}}{%- set ns.is_first = true -%}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and 'tool_calls' not in message %}{%- if ns.is_tool %}{{'<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<｜tool▁outputs▁begin｜>' + message['content']}}{%- set ns.is_output_first = false %}{%- else %}{{'\n' + message['content']}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'<｜tool▁outputs▁end｜>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\n'}}{% endif %}"""

# Documents, controls and lists put together, as Granite's and SmolLM3's do.
GRANITE = """\
{%- set thinks = enable_thinking if enable_thinking is defined else true -%}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
    {%- if "/no_think" in system_message %}{%- set thinks = false %}{%- endif %}
    {%- set system_message = system_message.replace("/no_think", "").rstrip() %}
{%- else %}
    {%- set system_message = "Knowledge cutoff: June 2025." %}
    {%- if tools and documents %}{%- set system_message = system_message + " Both." %}
    {%- elif tools %}{%- set system_message = system_message + " Tools." %}
    {%- elif documents %}{%- set system_message = system_message + " Documents." %}
    {%- endif %}
    {%- if 'citations' in controls and documents %}{%- set system_message = system_message + " Cite." %}{%- endif %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}
{%- if tools %}
    {{- '<|start_of_role|>tools<|end_of_role|>' }}{{- tools | tojson(indent=4) }}{{- '<|end_of_text|>\\n' }}
{%- endif %}
{%- for document in documents or [] %}
    {{- '<|start_of_role|>document {"document_id": "' + document['doc_id'] | string + '"}<|end_of_role|>\\n' + document['text'] + '<|end_of_text|>\\n' }}
{%- endfor %}
{%- for message in loop_messages %}
    {%- set content = message.content if message.content is string else "" %}
    {%- if message.tool_calls %}{%- set content = content ~ '<|tool_call|>' ~ (message.tool_calls | map(attribute='function') | list | tojson) %}{%- endif %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + (content.lstrip("\\n") if thinks else content) + '<|end_of_text|>\\n' }}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|start_of_role|>assistant' }}
        {%- if controls %}{{- ' ' + controls | tojson() }}{%- endif %}
        {{- '<|end_of_role|>' }}{{- "<think>\\n" if thinks else "<think>\\n\\n</think>\\n" }}
    {%- endif %}
{%- endfor %}
"""

# Phi 4: nothing but turns.
PHI4 = (
    "{% for message in messages %}{% if (message['role'] == 'system') %}"
    "{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}"
    "{% elif (message['role'] == 'user') %}"
    "{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'}}"
    "{% elif (message['role'] == 'assistant') %}"
    "{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)

# One thing each.
EXPRESSIONS = [
    "{{ none }} {{ true }} {{ false }} {{ missing }}|",
    "{{ [1, 'a', none, true, 1.5] }} {{ {'a': [1], 'b': 'x'} }}",
    "{{ 1 }} {{ 1.0 }} {{ 0.1 }} {{ 7 // 2 }} {{ 7 / 2 }} {{ 7 % 3 }} {{ 2 ** 10 }} {{ -7 // 2 }}",
    "{{ 'a' ~ 1 ~ none ~ true }} {{ 'ab' * 3 }} {{ 'a' + 'b' }}",
    "{{ 'abcdef'[1:4] }} {{ 'abcdef'[::-1] }} {{ 'abc'[-1] }} {{ [1, 2, 3][-2:] }}",
    "{{ 'A b'.upper() }} {{ 'A b'.lower() }} {{ ' x '.strip() }}| {{ 'xxaxx'.strip('x') }}",
    "{{ 'a,b,,c'.split(',') }} {{ 'a b'.split() }} {{ 'a-b-c'.split('-', 1) }}",
    "{{ 'abc'.replace('b', 'X') }} {{ 'abc'.find('c') }} {{ 'title case'.title() }}",
    "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('x') }} {{ 'a' in 'abc' }} {{ 'z' not in 'abc' }}",
    "{{ ', '.join(['a', 'b']) }} {{ ['a', 'b'] | join('|') }} {{ [3, 1, 2] | sort }}",
    "{{ d.get('a') }} {{ d.get('z') }} {{ d.get('z', 'fallback') }} {{ d.keys() | list }}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{{ d | tojson }} {{ d | tojson(indent=2) }}",
    "{{ d | tojson(sort_keys=true, separators=(',', ':')) }} {{ 'ü\\u2028</' | tojson(ensure_ascii=true) }}",
    "{{ [] | tojson }} {{ {} | tojson(indent=2) }} {{ '\\t\"\\\\\\u0001\\u007fé😀' | tojson }}",
    "{{ [1e16, 1e-7, 123456789.125, 1e22, -0.0] | tojson }}",
    "{{ missing | default('x') }} {{ '' | default('x', true) }} {{ none | default('x') }}",
    "{{ [1, 2] | first }} {{ [1, 2] | last }} {{ [1, 2, 3] | length }} {{ 'abc' | count }}",
    "{{ '  x ' | trim }}| {{ 'a\\nb' | indent(2) }} {{ 'aXb' | lower }} {{ 'ab' | capitalize }}",
    "{{ ['a', 'b'] | map('upper') | list }} {{ users | map(attribute='name') | join(',') }}",
    "{{ users | selectattr('age') | map(attribute='name') | list }}",
    "{{ users | rejectattr('age', 'gt', 30) | map(attribute='name') | list }}",
    "{{ '<a href=\"x\">\\'&' | e }} {{ '%s is %d' | format('x', 3) }}",
    "{{ none is none }} {{ missing is defined }} {{ d is mapping }} {{ 'a' is string }}",
    "{{ none is iterable }} {{ 'a' is iterable }} {{ [] is iterable }} {{ 3 is iterable }} {{ d is iterable }}",
    "{{ 'a' is sequence }} {{ [] is sequence }} {{ d is sequence }} {{ none is sequence }} {{ 3 is sequence }}",
    "{{ true is number }} {{ 1 is number }} {{ 1.5 is float }} {{ true is integer }} {{ 1 is integer }}",
    "{{ true is boolean }} {{ 0 is boolean }} {{ 4 is even }} {{ 4 is divisibleby 2 }} {{ 'x' is in 'xy' }}",
    "{{ 'yes' if '' else 'no' }} {{ 'yes' if [0] else 'no' }} {{ not {} }} {{ 1 and 'b' }} {{ '' or 'c' }}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = 9 %}{% endfor %}{{ x }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set c %}block {{ a }}{% endset %}{{ c | upper }}",
    "{% for i in range(3) %}{{ loop.index }}{{ loop.revindex }}{{ loop.first }}{{ loop.length }}{% else %}none{% endfor %}",
    "{% for i in [] %}x{% else %}none{% endfor %} {% for i in [1, 2, 3] if i != 2 %}{{ i }}{% endfor %}",
    "{% for i in [1, 2, 3] %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }} {% endfor %}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}inside{% endcall %}",
    "{% filter upper %}text {{ 1 }}{% endfilter %} {% with z = 3 %}{{ z }}{% endwith %}",
    "{% raw %}{{ not rendered }}{% endraw %} {# a comment #}end",
    "  {% if true %}  \n  a\n  {% endif %}\n  b\n",
    "a  {%- if true -%}  b  {%- endif -%}  c\n\n",
    "{% if d.a == 1 and d['b'] != 2 or not d.c %}A{% elif true %}B{% else %}C{% endif %}",
    "{{ messages[0].content.missing is defined }} {{ d.missing.deeper }}",
    "{{ raise_exception('told you so') }}",
    "{{ 'a' + 1 }}",
    "{{ [1, 2] | sum }} {{ [1, 5, 2] | max }} {{ 3.7 | int }} {{ '4' | int + 1 }} {{ 2.5 | round }} {{ -3 | abs }}",
    "{{ [[1, 'a'], [2, 'b']] | map(attribute=1) | list }} {{ [1, 2, 3, 4] | batch(2) | list }}",
    "{{ ['b', 'a', 'b'] | unique | list }} {{ 'ab' | list }} {{ [1, 2] | reverse | list }} {{ 5 | string + 'x' }}",
    "{{ users | groupby('age') | length }} {{ dict(a=1, b=2) }} {{ 'a b c' | replace(' ', '_') }}",
    "{% set ns = namespace(found=false) %}{% for u in users %}{% if u.age > 30 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}",
    "{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}",
]


class Generation(jinja2.ext.Extension):
    """Blocks that render as they are, with variables of their own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("render"), [], [], body).set_lineno(line)

    def render(self, caller):
        return caller()


ENVIRONMENT.add_extension(Generation)


def render(source, variables):
    try:
        return ENVIRONMENT.from_string(source).render(**variables)
    except Exception:  # whatever a template does wrong in Python
        return None


CHATS = {
    "plain": {"messages": CHAT, "tools": None},
    "system": {"messages": SYSTEM + CHAT, "tools": None},
    "tools": {"messages": CHAT + CALL, "tools": [TOOL]},
    "two in a row": {"messages": CHAT + CHAT, "tools": None},
}
FAMILIES = {
    "smollm2": SMOLLM2,
    "llama3": LLAMA3,
    "mistral": MISTRAL,
    "qwen": QWEN,
    "gemma": GEMMA,
    "command-r": COMMAND_R,
    "gpt-oss": HARMONY,
    "deepseek": DEEPSEEK,
    "granite": GRANITE,
    "phi4": PHI4,
}


def cases():
    """Template (a family's name or source), chat, add_generation_prompt, further variables."""
    for family in FAMILIES:
        for chat in CHATS:
            yield family, chat, True, {}
        yield family, "plain", False, {}
    yield "qwen", "plain", True, {"enable_thinking": False}
    yield "llama3", "plain", True, {"date_string": "1 Nov 2026"}
    yield "gpt-oss", "tools", True, {"reasoning_effort": "high", "builtin_tools": ["python"]}
    documents = [{"doc_id": 1, "text": "A <text>"}, {"doc_id": "b", "text": "ü"}]
    granite = {"documents": documents, "controls": {"citations": True, "length": "short"}}
    yield "granite", "plain", True, granite
    yield "granite", "tools", True, granite
    yield "granite", "system", True, {"enable_thinking": False}
    extra = {
        "d": {"b": 2, "a": 1, "ü": [1, {"x": None}]},
        "users": [{"name": "Ann", "age": 40}, {"name": "Bob", "age": 0}],
    }
    for source in EXPRESSIONS:
        yield source, "plain", True, extra


def main():
    results = []
    for template, chat, prompt, extra in cases():
        variables = {
            **CHATS[chat],
            "documents": None,
            "add_generation_prompt": prompt,
            "bos_token": "<s>",
            "eos_token": "</s>",
            **extra,
        }
        results.append(
            {
                "template": template,
                "chat": chat,
                "add_generation_prompt": prompt,
                "variables": extra,
                "output": render(FAMILIES.get(template, template), variables),
            }
        )
    goldens = {"templates": FAMILIES, "chats": CHATS, "cases": results}
    text = json.dumps(goldens, ensure_ascii=False, indent=1)
    (HERE / "template_goldens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
