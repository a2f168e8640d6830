J,l^œAÚxBù
AAžSºAc3AáoSAþ·A2ª¼A­NûA!¨AáB