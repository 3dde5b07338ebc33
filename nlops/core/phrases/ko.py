"""Korean. A particle after a placeholder stands in both forms, 을(를); `say` chooses the one that fits the value."""

from __future__ import annotations

from typing import Final

THOUSANDS: Final = ","
AND: Final = "및"

PHRASES: Final[dict[str, str]] = {
    # the run
    "choosing": "사용할 작업을 고르는 중입니다",
    "looking": "결과를 확인하는 중입니다",
    "thinking": "답변을 검토하는 중입니다",
    "calling": "{method} {target} 호출 중",
    "model_again": "{message} {seconds}초 후에 다시 시도합니다",
    "model_other": "{message} 다른 모델로 계속합니다",
    "unreachable_again": "제품에 연결할 수 없어 한 번 더 시도합니다",
    "unclear_again": "제품의 응답이 명확하지 않아 다시 시도합니다",
    "wait": "제품이 {seconds}초 기다려 달라고 합니다",
    "asked_to_wait": "{duration} 기다려 달라고 합니다.",
    "seconds": "{count}초",
    "minutes": "{count}분",
    "not_known": "제품이 실행했는지는 알 수 없습니다.",
    "gone_now": "처음에는 연결이 끊겼으나, 제품에 따르면 이제 삭제되었습니다.",
    # limits
    "stopped_at": "여기서 멈췄습니다: {limit}. 지금까지 처리한 내용은 아래에 있습니다.",
    "limit_steps": "요청 하나는 {count}단계까지 진행할 수 있습니다",
    "limit_model_calls": "요청 하나는 모델에 {count}번까지 물을 수 있습니다",
    "limit_calls": "요청 하나는 {count}번까지 호출할 수 있습니다",
    "limit_tokens": "요청 하나는 토큰 {count}개까지 쓸 수 있습니다",
    "limit_seconds": "요청 하나는 {count}초까지 처리할 수 있습니다",
    "limit_bytes": "요청 하나는 제품에서 {count}MB까지 읽을 수 있습니다",
    "limit_cost": "요청 하나는 모델 비용을 {cost}까지 쓸 수 있습니다",
    "limit_batch": (
        "{title} 호출이 {count}번 필요한데 한 번에 {limit}번까지만 할 수 있어 하나도 실행하지 않았습니다."
        " 더 적게 나누어 요청해 주세요."
    ),
    # stopping
    "stopped": "요청하신 대로 중지했습니다.",
    "stopped_by_switch": (
        "중지됨: 운영자가 nlops를 일시 중지했습니다. 더 이상 수행된 작업은 없습니다. 나중에 다시 요청해 주세요."
    ),
    "read_only": "현재 nlops는 읽기 전용이므로 아무것도 변경하지 않습니다. 나중에 다시 요청해 주세요.",
    "stopping": "중지하는 중입니다. {title} 호출은 이미 전송되었습니다",
    "stopped_done": "{title} 호출은 이미 전송되어 제품이 실행했습니다.",
    "stopped_not_done": "{title} 호출은 실행되지 않았습니다.",
    "stopped_no_result": "{title} 호출은 결과를 얻지 못했습니다.",
    "stopped_in_doubt": "{title} 호출은 이미 전송되었고 제품이 실행했는지 알 수 없습니다. 확인해 주세요.",
    "in_doubt_stopped": "중지하셨을 때 이미 전송된 상태였으며, 제품이 실행했는지 알 수 없습니다.",
    "not_reached": "제품에 전달되지 않았습니다.",
    "not_made_before": "실행하지 않음: 앞의 호출도 실행되지 않았습니다.",
    "batch_done": "{count}건 완료: {title}.",
    "batch_not_done": "{count}건 실행하지 않음: {what}. {reason}",
    "not_made_batch": "실행하지 않음: 같은 묶음의 앞선 호출이 실패했습니다.",
    # questions
    "what_exactly": "정확히 무엇을 말씀하시는 건가요?",
    "your_answer": "답변",
    "need": "“{purpose}” 작업을 계속하려면 다음 값이 필요합니다: {labels}. 알려 주세요.",
    "refused_need": "제품이 거부했습니다: {error} {question}",
    "choose_one": "다음 중 하나를 골라 주세요: {choices}.",
    "number_needed": "숫자를 입력해 주세요.",
    "yes_or_no": "예 또는 아니요로 답해 주세요.",
    "json_needed": "JSON으로 입력해 주세요. 예: {example}.",
    "json_wrong": "올바른 JSON이 아닙니다: {error}.",
    "list_needed": "목록이 필요합니다.",
    "object_needed": "객체가 필요합니다: {example}.",
    "at_least": "{count}자 이상이어야 합니다.",
    "at_most": "{count}자 이하여야 합니다.",
    # control points
    "not_allowed_so": "이 값으로는 이 작업을 사용할 수 없습니다.",
    "connect_first": "{product}에는 본인의 계정이 필요합니다. 먼저 계정을 연결한 다음 다시 요청해 주세요.",
    "not_allowed": "이 작업은 여기에서 사용할 수 없습니다.",
    "left_out": "{label}: 아무도 말하지 않은 값이라 제외했습니다.",
    "nothing": "빈 값",
    "repaired": "제품이 {label} {was}을(를) 거부하여({error}) “{value}”(으)로 바꾸었습니다.",
    "missing": "없는 값: {names}.",
    "arguments": "인자",
    "does_not_fit": "이 호출은 제품의 설명과 맞지 않습니다.",
    "policy_confirm": "정책에 따라 요청자의 확인이 필요합니다.",
    "policy_approve": "정책에 따라 다른 사람의 승인이 필요합니다.",
    "tainted": "제품에서 온 값입니다: {names}.",
    # where a value comes from
    "origin_said": "직접 말씀하신 값",
    "origin_said_words": "“{words}”라고 말씀하셨습니다",
    "origin_computed": "“{words}”에서 계산한 값",
    "origin_returned": "{operation}의 응답에서 가져온 값: {path}",
    "origin_default": "제품의 기본값",
    "origin_edited": "승인한 {who} 님이 변경함",
    "origin_secret": "직접 입력하신 값, 숨김",
    "origin_invented": "모델이 고른 값",
    "yes": "예",
    "no": "아니요",
    # answers
    "done_with": "완료했습니다: {what}",
    "did_to": "{noun} {name}을(를) {verb}했습니다.",
    "not_done": "실행하지 않았습니다: {what}. {reason}",
    "check_doubt": "실행되었는지 알 수 없습니다: {what}. 다시 시도하기 전에 확인해 주세요.",
    "rejected_by": "{who}님이 거부하여 아무것도 바뀌지 않았습니다: {what}.{reason}",
    "you_said_no": "거절하셨으므로 아무것도 바뀌지 않았습니다: {what}.{reason}",
    "not_done_reason": "실행하지 않았습니다: {what}.{reason}",
    "reason": " 이유: {error}",
    "list_shows": "무엇이 있는지는 목록에서 볼 수 있습니다.",
    "not_found": "제품에서 찾지 못했습니다: {what} ({status}). {said} 이름을 확인해 주세요.",
    "such_thing": "{what}",
    "no_sign_in": (
        "제품이 연결의 로그인을 받아들이지 않았습니다({status}). {said} 운영자가 연결의 인증 정보를 확인할 수 있습니다."
    ),
    "forbidden": (
        "제품이 허용하지 않습니다({status}): {what}. {said} 연결에 권한이 없습니다. 운영자가 바꿀 수 있습니다."
    ),
    "refused_with_hint": "제품이 거부했습니다({status}): {said} {hint}",
    "try_another_name": "다른 이름으로 시도해 보세요.",
    "look_at_state": "먼저 현재 상태를 확인해 보세요.",
    "too_busy": "지금은 제품이 너무 바쁩니다({status}). {said} 잠시 후 다시 시도해 주세요.",
    "own_fault": "제품 자체에 오류가 있었습니다({status}): {what}. {said} 나중에 다시 시도해 주세요.",
    "did_not_work": "처리하지 못했습니다: {what}. {said}",
    "refused_by_product": "제품이 거부했습니다({status}): {said}",
    "failed_no_reason": "제품이 실패했다고 답했지만 이유는 알려 주지 않았습니다.",
    "status_no_reason": "제품이 이유 없이 {status}(으)로 응답했습니다.",
    "empty_thing": "제품이 빈 {noun}을(를) 돌려주었습니다.",
    "nothing_back": "완료했습니다: {what}. 제품이 돌려준 내용은 없습니다.",
    "product_answered": "제품의 응답: {text}",
    "here_is": "{noun} 정보입니다.",
    "here_is_named": "{noun} {name}의 정보입니다.",
    "none_found": "{nouns}을(를) 찾지 못했습니다.",
    "found": "{count}을(를) 찾았습니다.",
    "counted": "{noun} {count}건",
    "first_of": "{nouns} {total}건 중 처음 {shown}건입니다.",
    "first_and_more": "{nouns} 처음 {shown}건입니다. 더 있습니다.",
    "caption_first": "처음 {shown}건",
    "caption_first_of": "{total}건 중 처음 {shown}건",
    "and_more": "외 {count}건",
    "value": "값",
    # what can be done here
    "nothing_allowed": "안녕하세요! 아직 허용된 작업이 없습니다. 운영자가 허용 목록에 추가할 수 있습니다.",
    "hello": "안녕하세요! {products}을(를) 대신 조작해 드립니다: {services}. 원하시는 것을 편하게 말씀해 주세요.",
    "the_product": "제품",
    "service": "서비스",
    "what_i_can_do": "할 수 있는 일",
    "what_i_can_do_here": "여기에서 할 수 있는 일",
    "other_service": "기타",
    "cannot_help": "죄송하지만 여기에서는 도와드릴 수 없습니다: {reason}.",
    "nothing_does_it": "제가 사용할 수 있는 작업 중에 해당하는 것이 없습니다",
    "can_help_with": "{products}에 대해 도와드릴 수 있습니다: {services}.",
    # what comes, or does not come, over the wire
    "wire_unreachable": (
        "{seconds}초 안에 {host}에 연결할 수 없었습니다. 제품이 실행 중인지, 연결의 기본 URL이 맞는지 확인해 주세요."
    ),
    "wire_down": (
        "{host}에 연결할 수 없습니다. 연결이 거부되었습니다. 제품이 실행 중인지, 연결의 기본 URL이 맞는지 확인해"
        " 주세요."
    ),
    "wire_private": (
        "사설 주소로 연결되는 호스트이므로 호출할 수 없습니다: {host}. 제품이 실제로 그곳에서 실행된다면 nlops 운영자가"
        " NLOPS_PRIVATE_HOSTS={entry} 항목을 추가할 수 있습니다."
    ),
    "wire_metadata": (
        "클라우드의 비밀 정보를 제공하는 주소로 연결되는 호스트이므로 호출하지 않습니다: {host}. 연결의 기본 URL을 확인해"
        " 주세요."
    ),
    "wire_unknown_host": "호스트 이름을 찾을 수 없습니다: {host}. 연결의 기본 URL을 확인해 주세요.",
    "wire_untrusted": (
        "{host}의 TLS 인증서를 신뢰할 수 없습니다({why}). 제품 운영자에게 올바른 인증서를 요청하거나 인증서에 적힌"
        " 호스트 이름을 사용해 주세요."
    ),
    "wire_no_tls": "{host}에서 TLS를 사용할 수 없습니다. 기본 URL이 http://로 시작해야 하는지 확인해 주세요.",
    "wire_late": "{seconds}초가 지나도 {host}의 응답이 끝나지 않아 nlops가 읽기를 중단했습니다.",
    "wire_silent": "{seconds}초 안에 {host}에서 응답이 없었습니다.",
    "wire_no_http": "{host}의 응답이 올바른 HTTP가 아니어서 읽을 수 없습니다.",
    "wire_closed": "응답 전이나 응답 도중에 {host}에서 연결이 끊어졌습니다.",
    "wire_page": (
        "데이터 대신 웹 페이지{title}가 왔습니다. 기본 URL이 API의 주소가 아니거나 로그인이 필요한 경우에 생기는"
        " 일입니다. 운영자가 연결을 확인할 수 있습니다."
    ),
    "wire_titled": "(제목: “{title}”)",
    "wire_broken": "제품의 응답이 JSON이라고 하지만 깨져 있어 읽을 수 없습니다.",
    "wire_not_unpacked": "제품의 응답이 압축되어 있지만 깨져 있어 풀 수 없습니다.",
    "wire_too_large": (
        "제품이 nlops가 읽는 한도인 {size}보다 많은 데이터를 보냈습니다. 더 짧은 기간, 더 좁은 조건, 더 적은"
        " 항목으로 나누어 요청해 주세요."
    ),
    "wire_elsewhere": (
        "제품이 요청을 다른 곳으로 보냈습니다{place}(HTTP {status}). 인증 정보는 연결의 주소에만 쓰이므로 nlops는"
        " 따라가지 않습니다. 제품의 주소가 바뀌었다면 운영자가 연결의 기본 URL을 고칠 수 있습니다."
    ),
    "wire_to": ": {place} ",
    "wire_not_modified": "변경 사항만 요청하지 않았는데도 제품이 바뀐 것이 없다고 답했습니다(HTTP 304).",
    "took_on": "제품이 요청을 접수했으며 아직 처리 중일 수 있습니다.",
}

#: English singular to Korean; it has no plural here.
_NOUNS: Final[dict[str, str]] = {
    "user": "사용자", "group": "그룹", "member": "구성원", "role": "역할", "permission": "권한", "safe": "금고",
    "secret": "비밀", "account": "계정", "session": "세션", "token": "토큰", "setting": "설정", "report": "보고서",
    "access request": "접근 요청", "request": "요청", "audit log entry": "감사 로그", "audit entry": "감사 로그",
    "log entry": "로그", "log": "로그", "event": "이벤트", "entry": "항목", "item": "항목", "customer": "고객",
    "order": "주문", "product": "제품", "project": "프로젝트", "task": "작업", "file": "파일", "message": "메시지",
    "invoice": "청구서", "ticket": "티켓",
}  # fmt: skip
NOUNS: Final[dict[str, tuple[str, str]]] = {english: (korean, korean) for english, korean in _NOUNS.items()}
#: English verb to what was done: "사용자 user1을(를) 생성했습니다".
DONE: Final[dict[str, str]] = {
    "create": "생성", "register": "등록", "update": "수정", "change": "변경", "edit": "수정", "modify": "수정",
    "patch": "수정", "set": "설정", "reset": "초기화", "delete": "삭제", "remove": "제거", "disable": "비활성화",
    "deactivate": "비활성화", "enable": "활성화", "activate": "활성화", "lock": "잠금 처리", "unlock": "잠금 해제",
    "block": "차단", "unblock": "차단 해제", "approve": "승인", "deny": "거부", "reject": "거부", "archive": "보관",
    "restore": "복원", "rotate": "교체", "renew": "갱신", "invite": "초대", "move": "이동", "copy": "복사",
    "cancel": "취소", "close": "종료", "revoke": "취소",
}  # fmt: skip
